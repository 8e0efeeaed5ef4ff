"""The watchdog: looks whether what should have happened has happened, and tells when it has not.

It needs no run and no event: its own schedule is enough, and AWS's own alarm notices when that is silent too. What
needs the ledger alone is looked at and told first, then what AWS has to be asked for, one by one: a watch that is cut
short has told what it had seen. A breach is over when its reason was looked for and is gone, and not because nobody
could look.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from chalicelib.actions.asg_drift import WATCHED, drifted
from chalicelib.actions.base import StepContext
from chalicelib.actions.protected import standing_of
from chalicelib.domain.change import Finding
from chalicelib.domain.notice import Notice, NoticeKind, headline
from chalicelib.domain.owing import Owed
from chalicelib.domain.protection import Protection, protections
from chalicelib.domain.runbook import Runbook, ScheduleTrigger
from chalicelib.domain.watch import TOLD_EVERY, Breach, forgotten, missed, overdue, success_of
from chalicelib.engine.ports import Ledger
from chalicelib.errors import ActionError, ErrorKind, InputError, LifeboatError, StoreError

if TYPE_CHECKING:
    from chalicelib.engine.advance import Engine

PERIOD_MINUTES = 15
DRIFT = "drift."  # begins the names of breaches
DEPLOYMENT = "#deployment"  # no runbook's name
OF_RUNBOOKS = ("schedule.", "rpo.", "watch.")  # breaches that are found by reading a runbook
BLIND_FOR = timedelta(minutes=2 * PERIOD_MINUTES)  # so long AWS may be too busy to be looked at, and nobody is told


class Watches(Protocol):
    """The part of the joined services that the watchdog needs."""

    @property
    def engine(self) -> Engine:
        """Has the ledger, the clock, the way to AWS and who is told."""
        ...

    @property
    def catalog(self) -> Any:
        """The runbooks."""
        ...


def known_since(ledger: Ledger, now: datetime) -> datetime:
    """Return since when this deployment is known: the first sweep, or whoever asked first, notes it."""
    return ledger.first_watched(DEPLOYMENT, now)


def watch(services: Watches) -> dict[str, Any]:
    """Compare schedules with successes, and recovery points with objectives; tell new breaches and those that are over.

    Idempotent: a breach is told when it is new and then daily, and once when it is over. What cannot be looked at now
    (throttled, denied, a runbook that is not valid) keeps the breaches that it had, and is a breach itself.

    Returns:
        JSON-safe: `outcome` `watched`, and the names of the breaches that last.

    Raises:
        ActionError: something could not be looked at; everything else was.
        StoreError: the ledger could not be reached.
    """
    engine, now = services.engine, services.engine.clock.now()
    look = Look(engine, engine.ledger.breaches(), now)
    books = list(_valid(services, look))
    _schedules(look, books)
    _pauses(look)
    owing = list(engine.ledger.owing())
    _owed(look, owing)
    failed = _drift(look, owing)
    failed = _objectives(look, protections(books, engine.settings.region)) or failed
    look.close()
    engine.journal.note("watched", breaches=len(look.lasting), names=sorted(look.lasting))
    if failed:
        raise failed
    engine.ledger.beat(now)
    engine.journal.note("looked at everything")
    return {"outcome": "watched", "breaches": sorted(look.lasting)}


@dataclass
class Look:
    """One look at everything: the breaches that there were, and what became of each."""

    engine: Engine
    before: dict[str, Breach]
    now: datetime
    seen: set[str] = field(default_factory=set)
    lasting: set[str] = field(default_factory=set)
    cleared: set[str] = field(default_factory=set)

    def found(self, name: str, runbook: str, said: str) -> None:
        """Take in what was found under a name: a breach, or ("") that all is well."""
        self.seen.add(name)
        if said:
            self._keep(Breach(name=name, runbook=runbook, detail=said, since=self.now))
        elif name in self.before:
            self._clear(self.before[name], "is well again")

    def found_all(self, kind: str, lasting: Mapping[str, tuple[str, str]]) -> None:
        """Take in all breaches of a kind: what there was of it before and is not among them is over."""
        before = {name: (breach.runbook, "") for name, breach in self.before.items() if name.startswith(kind)}
        for name, (runbook, said) in {**before, **lasting}.items():
            self.found(name, runbook, said)

    def stays(self, name: str) -> None:
        """Keep the breach under a name, if there is one: it could not be looked at."""
        self.seen.add(name)
        if name in self.before:
            self._keep(self.before[name])

    def close(self) -> None:
        """Let go of breaches of what is no longer there to be looked at, and tell again what nobody could be told."""
        for name in self.before.keys() - self.seen:
            self._clear(self.before[name], "is no longer watched")
        for name, breach in self.engine.ledger.breaches(over=True).items():
            if name not in self.cleared and _told(self.engine, NoticeKind.CLEARED, breach, self.now, "is over"):
                self.engine.ledger.drop_breach(name)

    def _keep(self, breach: Breach) -> None:
        before = self.before.get(breach.name)
        if before:
            breach = breach.model_copy(update={"since": before.since, "told_at": before.told_at})
        self.lasting.add(breach.name)
        self.engine.ledger.keep_breach(breach)  # first: health knows it, whether or not anybody can be told
        if breach.due(self.now) and _told(self.engine, NoticeKind.BREACH, breach, self.now, "is in breach"):
            self.engine.ledger.keep_breach(breach.model_copy(update={"told_at": self.now}))

    def _clear(self, breach: Breach, word: str) -> None:
        self.cleared.add(breach.name)
        over = breach.model_copy(update={"over": True})
        self.engine.ledger.keep_breach(over)
        if _told(self.engine, NoticeKind.CLEARED, over, self.now, word):
            self.engine.ledger.drop_breach(breach.name)


def _valid(services: Watches, look: Look) -> Iterator[Runbook]:
    """Yield the runbooks that can be read; one that cannot is a breach, and keeps those that it had."""
    for name in services.catalog.names():
        said = ""
        try:
            yield services.catalog.load(name)
        except (InputError, StoreError) as error:
            services.engine.journal.note("runbook ignored", runbook=name, error_code=error.code, why=error.message)
            said = f"{name} cannot be read, so it never runs and nobody knows what it protects: {error.message}"
            for breach in look.before.values():
                if breach.runbook == name and breach.name.startswith(OF_RUNBOOKS):
                    look.stays(breach.name)
        look.found(f"runbook.{name}", name, said)


def _schedules(look: Look, books: Sequence[Runbook]) -> None:
    ledger = look.engine.ledger
    for book in books:
        for mode in sorted({each.mode for each in book.when if isinstance(each, ScheduleTrigger)}):
            name = success_of(book.name, mode)
            first, last = ledger.first_watched(name, look.now), ledger.last_success(name)
            look.found(f"schedule.{name}", book.name, missed(book, last, first, look.now, mode))


def _pauses(look: Look) -> None:
    pauses = forgotten(look.engine.ledger.pauses(), look.now)
    look.found_all("pause.", {f"pause.{runbook}": (runbook, said) for runbook, said in pauses.items()})


def _owed(look: Look, owing: Sequence[tuple[str, Owed]]) -> None:
    """Look at what runs owe and is late: a fence, a shift that is about to expire, an evacuation that lasts."""
    ledger, late = look.engine.ledger, dict[str, tuple[str, str]]()
    for run_id, owed in owing:
        said = owed.late(look.now)
        run = ledger.load(run_id) if said else None
        if run:
            advice = f"Look at `lifeboat runs show {run_id}`; `lifeboat runs settle {run_id}` tries it now."
            late[f"owes.{run_id}.{owed.name}"] = (run.runbook, f"Run {run_id} still owes {owed.name}: {said} {advice}")
    look.found_all("owes.", late)


def _drift(look: Look, owing: Sequence[tuple[str, Owed]]) -> LifeboatError | None:
    """Look whether groups that left a zone are still as they were left; returns why they could not be looked at."""
    engine = look.engine
    watched = [(run_id, owed.change) for run_id, owed in owing if owed.uses == WATCHED and owed.change]
    try:
        every = drifted([change for _, change in watched], _context(engine, look.now, "watchdog"))
    except ActionError as error:
        engine.journal.note("could not watch", error_code=error.code, why=error.message)
        for name in look.before:
            if name.startswith(DRIFT):
                look.stays(name)
        return error
    lasting = {}
    for (run_id, change), said in zip(watched, every, strict=True):
        run = engine.ledger.load(run_id) if said else None
        if run:
            told = f"{said} Run {run_id} took it out of the zone."
            lasting[f"{DRIFT}{run_id}.{change.params['group']}.{change.params['zone']}"] = (run.runbook, told)
    look.found_all(DRIFT, lasting)
    return None


def _objectives(look: Look, every: Sequence[Protection]) -> LifeboatError | None:
    """Look at what is protected; returns why something could not be looked at."""
    engine, failed = look.engine, None
    for one in every:
        name, blind = f"rpo.{one.runbook}.{one.step}", f"watch.{one.runbook}.{one.step}"
        try:
            findings = _looked(engine, one, look.now)
        except ActionError as error:
            failed = failed or error
            engine.journal.note("could not watch", runbook=one.runbook, error_code=error.code, why=error.message)
            look.stays(name)
            if _lasts(look, error):
                look.found(blind, one.runbook, f"Nobody knows how what {one.runbook} protects stands: {error.message}")
            else:
                look.stays(blind)
            continue
        look.found(name, one.runbook, overdue(one.runbook, one.policy, findings))
        look.found(blind, one.runbook, "")
    return failed


def _lasts(look: Look, error: ActionError) -> bool:
    """Return True for what does not pass by itself, or has not for some time."""
    beat = look.engine.ledger.last_beat()
    return error.kind is ErrorKind.TERMINAL or (beat is not None and look.now - beat > BLIND_FOR)


def _looked(engine: Engine, one: Protection, now: datetime) -> Sequence[Finding]:
    findings = standing_of(one, _context(engine, now, one.runbook, one.rpo))
    ages = [age for finding in findings if isinstance(age := finding.facts.get("age_s"), int)]
    if ages:
        engine.journal.note("objective watched", runbook=one.runbook, policy=one.policy, age_s=max(ages))
    return findings


def _context(engine: Engine, now: datetime, runbook: str, rpo: timedelta | None = None) -> StepContext:
    return StepContext(
        run_id="watchdog",
        step_id="watch",
        runbook=runbook,
        region=engine.settings.region,
        started_at=now,
        now=now,
        aws=engine.aws.reading(),
        limits=engine.settings.limits,
        rpo=rpo,
    )


def _told(engine: Engine, kind: NoticeKind, breach: Breach, now: datetime, word: str) -> bool:
    """Tell of a breach, once a day at most; True when everybody who wants to know does."""
    engine.journal.note(f"breach {kind.value}", breach=breach.name, runbook=breach.runbook, why=breach.detail)
    day = (now - breach.since) // TOLD_EVERY
    known_by = f"{engine.settings.region}.{breach.name}.{kind.value}.{breach.since:%Y%m%dT%H%M}"
    notice = Notice(
        kind=kind,
        id=f"{known_by}.{day}" if kind is NoticeKind.BREACH else known_by,
        at=now,
        region=engine.settings.region,
        subject=headline(
            f"Lifeboat: {breach.runbook} {word} ({breach.name.split('.')[0]}) in {engine.settings.region}"
        ),
        lines=(
            breach.detail if kind is NoticeKind.BREACH else f"It was: {breach.detail}",
            f"Since {breach.since:%Y-%m-%d %H:%M} UTC.",
            "More: lifeboat health",
        ),
        runbook=breach.runbook,
        facts={"breach": breach.name, "since": breach.since.isoformat()},
    )
    return engine.teller.send(notice)
