"""What the engine needs of the world, as small protocols: a clock, the ledger, a launcher, a journal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from chalicelib.domain.change import Change, Effect, Obligation
from chalicelib.domain.notice import Notice, Telling
from chalicelib.domain.owing import Owed
from chalicelib.domain.run import Pause, Run, RunCause, StepRow, Stop, UndoOrder
from chalicelib.domain.watch import Breach
from chalicelib.engine.questions import Questions


class Clock(Protocol):
    """Where time comes from. The sandbox's is virtual."""

    def now(self) -> datetime:
        """Return the time, aware, UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait; only the local loop does."""
        ...


class Journal(Protocol):
    """Who is told what happens, as it happens: logs and metrics in Lambda, live progress on a laptop."""

    def note(self, sentence: str, **fields: Any) -> None:
        """Say one thing: a fixed sentence and its facts."""
        ...

    def progress(self, run: Run, steps: Sequence[StepRow]) -> None:
        """Say where a run is now."""
        ...


class Notices(Protocol):
    """Who tells people and machines."""

    @property
    def channels(self) -> Sequence[str]:
        """The ways in which somebody is to be told; none = nobody is."""
        ...

    def tell(self, notice: Notice, channel: str) -> None:
        """Tell one thing one way; ActionError when it was not taken."""
        ...


class Launcher(Protocol):
    """Who makes a generation of a run execute somewhere."""

    def start(self, run_id: str, generation: int) -> None:
        """Make sure that this generation's execution exists. Idempotent by name."""
        ...

    def holder(self, run_id: str, generation: int) -> str:
        """Return the name under which that execution holds the run."""
        ...

    def settle(self, slot: str) -> bool:
        """Have what runs owe done by who may change AWS, once per slot; False when that is this very process."""
        ...


@dataclass(frozen=True)
class Tick:
    """What one slice of work came to.

    Attributes:
        wait_s: How long nothing can usefully be done.
        ended: True when the run is terminal.
        state: The run's state.
        generation: The generation that goes on; another than before when the run was handed over.
    """

    wait_s: int
    ended: bool
    state: str
    generation: int


class Ledger(Questions, Protocol):
    """The truth about runs. Every write that depends on who drives the run fails when that is no longer true.

    All methods raise StoreError when the table cannot be reached; what a lost answer left open is safe to repeat.
    """

    def create(self, run: Run, runbook: Mapping[str, Any]) -> Run:
        """Store a new run with its runbook and return `run` itself, or else the one that exists under its id."""
        ...

    def load(self, run_id: str) -> Run | None:
        """Return a run as it is now (consistent read)."""
        ...

    def runbook(self, run_id: str) -> dict[str, Any]:
        """Return the compiled runbook that the run was started with."""
        ...

    def take(self, run: Run, *, holder: str, beat_until: datetime, fence_until: datetime | None) -> Run:
        """Raise the generation and hold the run; SupersededError if somebody else did since `run` was read."""
        ...

    def reopen(self, run: Run, *, holder: str, beat_until: datetime, fence_until: datetime | None) -> Run:
        """Make a stopped run running again, in its next round; SupersededError if it is no longer as read."""
        ...

    def undo(self, run: Run, order: UndoOrder, *, holder: str, beat_until: datetime, fence_until: datetime) -> Run:
        """Make an ended run running again, in its next round, to take back what it did.

        Raises:
            SupersededError: it is no longer as read.
        """
        ...

    def intend(self, run: Run, at: datetime) -> None:
        """Record `run.intents` before effects, if this generation still holds a running run.

        Raises:
            SupersededError: it does not.
            RefusedError: a stop was asked for and `run.stop` does not know of it yet.
        """
        ...

    def save(self, run: Run) -> Run:
        """Record the end of a slice, if this generation holds the run; returns it with the next tick's number."""
        ...

    def rest(self, run: Run) -> None:
        """Give up holding the run, e.g. when interrupted, so that another may take over without waiting."""
        ...

    def ask_stop(self, run_id: str, stop: Stop) -> None:
        """Ask a running run to stop. Asked twice is asked once."""
        ...

    def pause(self, pause: Pause) -> Pause:
        """Hold back runs before their next effect; returns the pause that counts: the first one stays."""
        ...

    def resume(self, runbook: str | None) -> list[Pause]:
        """Lift the pause of one runbook, or the one of all (None); returns what was lifted."""
        ...

    def pauses(self) -> list[Pause]:
        """Return all pauses of this Region (consistent read); the one of all runbooks first."""
        ...

    def steps(self, run_id: str) -> list[StepRow]:
        """Return all step rows of a run."""
        ...

    def commit_plan(self, run_id: str, row: StepRow, pages: Sequence[Sequence[Change]]) -> StepRow:
        """Store a plan, its step row last; returns the row that counts, which may be an earlier commit's."""
        ...

    def save_step(self, run_id: str, row: StepRow) -> None:
        """Store a step row."""
        ...

    def forget_steps(self, run_id: str, step_ids: Sequence[str]) -> None:
        """Remove step rows, so that a continued run plans these steps anew."""
        ...

    def page(self, run_id: str, row: StepRow, number: int) -> list[Change]:
        """Return one page of the plan that a step row committed."""
        ...

    def effects(self, run_id: str, step_id: str, number: int) -> dict[str, Effect]:
        """Return the recorded effects of one page, by change key."""
        ...

    def record(self, run_id: str, step_id: str, number: int, effects: Mapping[str, Effect]) -> None:
        """Record effects of one page."""
        ...

    def finish(self, run: Run, *, as_joined: bool = False) -> Run:
        """Record the terminal state, free what the run held, and let its rows expire if it owes nothing.

        With `as_joined`, RefusedError (`run.joined`) when another cause has joined than those that `run` knows of.
        """
        ...

    def claim_activity(self, run: Run, cooldown_s: int, now: datetime) -> str:
        """Make `run` the runbook's active run and return its id, or the id of the run that is active instead."""
        ...

    def join(self, run_id: str, cause: RunCause) -> None:
        """Record that a further cause joined a run. The same cause twice is recorded once."""
        ...

    def lease(self, kind: str, resource: str, run_id: str) -> str:
        """Claim a resource for a kind of effect; returns the id of the run that has it now."""
        ...

    def leased(self, kind: str, resource: str) -> str:
        """Return the id of the run that has a resource for a kind of effect; "" when nobody has."""
        ...

    def release(self, run_id: str, reason: str) -> list[str]:
        """Break a run's leases and its hold; returns what was released. Recorded with the reason."""
        ...

    def owe(self, run_id: str, obligation: Obligation, since: datetime) -> None:
        """Record an obligation: something that must still be done about this run's effects. Twice is once."""
        ...

    def settle(self, run_id: str, name: str, how: str = "") -> None:
        """Strike out an obligation; one that was never owed is left so."""
        ...

    def owed(self, run_id: str) -> dict[str, Owed]:
        """Return open obligations by name."""
        ...

    def owing(self) -> Iterator[tuple[str, Owed]]:
        """Yield every open obligation of this Region with its run's id."""
        ...

    def claim_owed(self, run_id: str, name: str, now: datetime, until: datetime) -> bool:
        """Take an obligation in hand until a time; False when another has it in hand, or it is settled."""
        ...

    def note_tried(self, run_id: str, owed: Owed) -> None:
        """Note what came of a try, and let it go for the next one."""
        ...

    def note_drill(self, run_id: str) -> None:
        """Note that a drill may have made something."""
        ...

    def drills(self) -> list[str]:
        """Return the drills that may have made something."""
        ...

    def forget_drill(self, run_id: str) -> None:
        """Note that nothing of a drill is left."""
        ...

    def mark_untold(self, run_id: str) -> None:
        """Note that the end of a run is to be told. Twice is once."""
        ...

    def unmark_untold(self, run_id: str) -> None:
        """Note that it was told."""
        ...

    def tellings(self, notice_id: str) -> dict[str, Telling]:
        """Return what became of telling one notice, by channel."""
        ...

    def note_telling(self, notice_id: str, channel: str, telling: Telling, forget_at: datetime) -> None:
        """Note what became of telling it, until a time when it can no longer come again."""
        ...

    def untold(self, limit: int) -> list[str]:
        """Return runs whose end is to be told."""
        ...

    def note_success(self, runbook: str, caused_at: datetime) -> None:
        """Note that a run of a runbook succeeded, for the watchdog."""
        ...

    def last_success(self, runbook: str) -> datetime | None:
        """Return when the newest run that succeeded was caused."""
        ...

    def first_watched(self, runbook: str, now: datetime) -> datetime:
        """Return since when a runbook is watched: now, when it was not before."""
        ...

    def breaches(self, *, over: bool = False) -> dict[str, Breach]:
        """Return the breaches that last, by name; or those that are over, and people do not know it yet."""
        ...

    def keep_breach(self, breach: Breach) -> None:
        """Note a breach, or what has changed of it."""
        ...

    def drop_breach(self, name: str) -> None:
        """Forget a breach that is over."""
        ...

    def beat(self, now: datetime) -> None:
        """Note that the watchdog has looked at everything."""
        ...

    def last_beat(self) -> datetime | None:
        """Return when the watchdog last looked at everything."""
        ...

    def list_runs(self, *, limit: int, runbook: str | None = None, running: bool = False) -> list[Run]:
        """Return the newest runs first."""
        ...
