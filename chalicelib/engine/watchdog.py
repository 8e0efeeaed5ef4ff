"""The watchdog: looks whether what should have happened has happened, and tells when it has not.

It needs no run and no event: its own schedule is enough, and AWS's own alarm notices when that is silent too. What
needs the ledger alone is looked at and told first, then what AWS has to be asked for, one by one: a watch that is cut
short has told what it had seen. A breach is over when its reason was looked for and is gone, and not because nobody
could look.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from chalicelib.actions.protected import standing_of
from chalicelib.domain.change import Finding
from chalicelib.domain.owing import Owed
from chalicelib.domain.protection import Protection, protections
from chalicelib.domain.runbook import Runbook, ScheduleTrigger
from chalicelib.domain.watch import forgotten, missed, overdue, success_of
from chalicelib.engine.breaches import Look, watching
from chalicelib.engine.drifting import drifts
from chalicelib.engine.ports import Ledger
from chalicelib.errors import ActionError, InputError, LifeboatError, StoreError

if TYPE_CHECKING:
    from chalicelib.engine.advance import Engine

DEPLOYMENT = "#deployment"  # no runbook's name
OF_RUNBOOKS = ("schedule.", "rpo.", "watch.")  # breaches that are found by reading a runbook


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
    blind = drifts(look, owing)
    failed = _objectives(look, protections(books, engine.settings.region)) or blind
    look.close()
    engine.journal.note("watched", breaches=len(look.lasting), names=sorted(look.lasting))
    if failed:
        raise failed
    engine.ledger.beat(now)
    engine.journal.note("looked at everything")
    return {"outcome": "watched", "breaches": sorted(look.lasting)}


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


def _objectives(look: Look, every: Sequence[Protection]) -> LifeboatError | None:
    """Look at what is protected; returns why something could not be looked at."""
    engine, failed = look.engine, None
    for one in every:
        name, blind = f"rpo.{one.runbook}.{one.step}", f"watch.{one.runbook}.{one.step}"
        try:
            findings = _looked(engine, one, look.now)
        except ActionError as error:
            failed = failed or error
            look.stays(name)
            said = f"Nobody knows how what {one.runbook} protects stands: {error.message}"
            look.unseen(blind, one.runbook, said, error)
            continue
        look.found(name, one.runbook, overdue(one.runbook, one.policy, findings))
        look.found(blind, one.runbook, "")
    return failed


def _looked(engine: Engine, one: Protection, now: datetime) -> Sequence[Finding]:
    findings = standing_of(one, watching(engine, now, one.runbook, one.rpo))
    ages = [age for finding in findings if isinstance(age := finding.facts.get("age_s"), int)]
    if ages:
        engine.journal.note("objective watched", runbook=one.runbook, policy=one.policy, age_s=max(ages))
    return findings
