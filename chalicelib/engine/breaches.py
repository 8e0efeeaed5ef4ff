"""Breaches as one look of the watchdog finds them: kept, told when they are new and then daily, and told to be over.

A breach is over when its reason was looked for and is gone, and not because nobody could look.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chalicelib.actions.base import StepContext
from chalicelib.domain.notice import Notice, NoticeKind, headline
from chalicelib.domain.watch import TOLD_EVERY, Breach
from chalicelib.errors import ActionError, ErrorKind

if TYPE_CHECKING:
    from chalicelib.engine.advance import Engine

PERIOD_MINUTES = 15  # between two looks
BLIND_FOR = timedelta(minutes=2 * PERIOD_MINUTES)  # so long AWS may be too busy to be looked at, and nobody is told


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

    def unseen(self, blind: str, runbook: str, said: str, error: ActionError) -> None:
        """Take in that AWS did not let something be looked at: a breach under a name of its own, unless it passes."""
        self.engine.journal.note("could not watch", runbook=runbook, error_code=error.code, why=error.message)
        if self._lasts(error):
            self.found(blind, runbook, said)
        else:
            self.stays(blind)

    def _lasts(self, error: ActionError) -> bool:
        """Return True for what does not pass by itself, or has not for some time."""
        beat = self.engine.ledger.last_beat()
        return error.kind is ErrorKind.TERMINAL or (beat is not None and self.now - beat > BLIND_FOR)

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


def watching(engine: Engine, now: datetime, runbook: str = "watchdog", rpo: timedelta | None = None) -> StepContext:
    """Return what the watchdog may know while it looks: AWS without writing."""
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
