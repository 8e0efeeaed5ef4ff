"""The watchdog: looks whether what should have happened has happened, and tells when it has not.

It needs no run and no event: its own schedule is enough, and AWS's own alarm notices when that is silent too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from chalicelib.actions.base import StepContext
from chalicelib.actions.protected import standing_of
from chalicelib.domain.change import Finding
from chalicelib.domain.notice import Notice, NoticeKind, headline
from chalicelib.domain.protection import Protection, protections
from chalicelib.domain.runbook import Runbook, ScheduleTrigger
from chalicelib.domain.watch import Breach, forgotten, missed, overdue
from chalicelib.errors import ActionError, InputError, LifeboatError, StoreError

if TYPE_CHECKING:
    from chalicelib.engine.advance import Engine

PERIOD_MINUTES = 15


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


def watch(services: Watches) -> dict[str, Any]:
    """Compare schedules with successes, and recovery points with objectives; tell new breaches and those that are over.

    Idempotent: a breach is told when it is new and then daily, and once when it is over. What cannot be looked at now
    (throttled, denied) keeps the breach that it had, and is told of as a failure of the watch.

    Returns:
        JSON-safe: `outcome` `watched`, and the names of the breaches that last.

    Raises:
        ActionError: something could not be looked at; everything else was.
        StoreError: the ledger could not be reached.
    """
    engine, now = services.engine, services.engine.clock.now()
    before = engine.ledger.breaches()
    books = list(_valid(services))
    found: dict[str, tuple[str, str]] = dict(_schedules(engine, books, now))
    failed: LifeboatError | None = None
    for one in protections(books, engine.settings.region):
        name = f"rpo.{one.runbook}.{one.step}"
        try:
            said = overdue(one.runbook, one.policy, _looked(engine, one, now))
        except ActionError as error:
            failed = failed or error
            engine.journal.note("could not watch", runbook=one.runbook, error_code=error.code, why=error.message)
            said = before[name].detail if name in before else ""
        if said:
            found[name] = (one.runbook, said)
    for runbook, said in forgotten(engine.ledger.pauses(), now).items():
        found[f"pause.{runbook}"] = (runbook, said)
    found |= dict(_owed(engine, now))
    for name, (runbook, detail) in found.items():
        _keep(engine, before.get(name), Breach(name=name, runbook=runbook, detail=detail, since=now), now)
    for name in before.keys() - found.keys():
        _clear(engine, before[name], now)
    engine.journal.note("watched", breaches=len(found), names=sorted(found))
    if failed:
        raise failed
    engine.ledger.beat(now)
    return {"outcome": "watched", "breaches": sorted(found)}


def _valid(services: Watches) -> Iterator[Runbook]:
    for name in services.catalog.names():
        try:
            yield services.catalog.load(name)
        except (InputError, StoreError) as error:
            services.engine.journal.note("runbook ignored", runbook=name, error_code=error.code, why=error.message)


def _schedules(engine: Engine, books: Sequence[Runbook], now: datetime) -> Iterator[tuple[str, tuple[str, str]]]:
    for book in books:
        if any(isinstance(trigger, ScheduleTrigger) for trigger in book.when):
            first = engine.ledger.first_watched(book.name, now)
            said = missed(book, engine.ledger.last_success(book.name), first, now)
            if said:
                yield f"schedule.{book.name}", (book.name, said)


def _owed(engine: Engine, now: datetime) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield what runs owe and is late: a fence, a shift that is about to expire, an evacuation that lasts."""
    for run_id, owed in engine.ledger.owing():
        said = owed.late(now)
        run = engine.ledger.load(run_id) if said else None
        if run:
            advice = f"Look at `lifeboat runs show {run_id}`; `lifeboat runs settle {run_id}` tries it now."
            yield f"owes.{run_id}.{owed.name}", (run.runbook, f"Run {run_id} still owes {owed.name}: {said} {advice}")


def _looked(engine: Engine, one: Protection, now: datetime) -> Sequence[Finding]:
    ctx = StepContext(
        run_id="watchdog",
        step_id="watch",
        runbook=one.runbook,
        region=engine.settings.region,
        started_at=now,
        now=now,
        aws=engine.aws.reading(),
        limits=engine.settings.limits,
        rpo=one.rpo,
    )
    findings = standing_of(one, ctx)
    ages = [age for finding in findings if isinstance(age := finding.facts.get("age_s"), int)]
    if ages:
        engine.journal.note("objective watched", runbook=one.runbook, policy=one.policy, age_s=max(ages))
    return findings


def _keep(engine: Engine, before: Breach | None, seen: Breach, now: datetime) -> None:
    breach = seen.model_copy(update={"since": before.since, "told_at": before.told_at}) if before else seen
    if breach.due(now) and _told(engine, NoticeKind.BREACH, breach, now):
        breach = breach.model_copy(update={"told_at": now})
    engine.ledger.keep_breach(breach)


def _clear(engine: Engine, breach: Breach, now: datetime) -> None:
    if breach.told_at is None or _told(engine, NoticeKind.CLEARED, breach, now):
        engine.ledger.drop_breach(breach.name)


def _told(engine: Engine, kind: NoticeKind, breach: Breach, now: datetime) -> bool:
    """Tell of a breach; True when everybody who wants to know does."""
    word = "is in breach" if kind is NoticeKind.BREACH else "is well again"
    engine.journal.note(f"breach {kind.value}", breach=breach.name, runbook=breach.runbook, why=breach.detail)
    notice = Notice(
        kind=kind,
        id=f"{engine.settings.region}.{breach.name}.{kind.value}.{now:%Y%m%dT%H%M}",
        at=now,
        region=engine.settings.region,
        subject=headline(
            f"Lifeboat: {breach.runbook} {word} ({breach.name.split('.')[0]}) in {engine.settings.region}"
        ),
        lines=(breach.detail, f"Since {breach.since:%Y-%m-%d %H:%M} UTC.", "More: lifeboat health"),
        runbook=breach.runbook,
        facts={"breach": breach.name, "since": breach.since.isoformat()},
    )
    return engine.teller.send(notice)
