"""Makes a run of a cause, once: the same cause delivered twice is the same run."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from chalicelib.domain.run import DRILL, Run, RunCause, RunState, UndoOrder, run_id_for
from chalicelib.domain.runbook import Runbook
from chalicelib.domain.template import check_inputs
from chalicelib.engine.drilling import recovery_under_way
from chalicelib.engine.ports import Clock, Launcher, Ledger
from chalicelib.engine.scope import Actions
from chalicelib.errors import InputError, RefusedError
from chalicelib.settings import Settings

BY_HAND = "manual"


@dataclass(frozen=True)
class Started:
    """What came of a cause.

    Attributes:
        run: The run that is responsible for the cause.
        how: `new`, `existing` (this cause made it before), `joined` (it is another cause's) or `refused`.
    """

    run: Run
    how: str


class Refusal(NamedTuple):
    """Why a cause is not acted upon: an error code and its words."""

    code: str
    why: str


class Starter:
    """Starts runs."""

    def __init__(self, ledger: Ledger, clock: Clock, settings: Settings, launcher: Launcher, actions: Actions) -> None:
        self.ledger, self.clock, self.settings, self.launcher = ledger, clock, settings, launcher
        self.actions = actions

    def start(
        self,
        runbook: Runbook,
        cause: RunCause,
        inputs: Mapping[str, Any],
        *,
        refused: Refusal | None = None,
        before_refusal: Callable[[Run], None] = lambda _: None,
        mode: str = "run",
    ) -> Started:
        """Make sure that the cause has its run, without driving it.

        A cause by hand has a run of its own, named by the caller's key. A trigger's cause joins the runbook's active
        run, or the one that ended less than the cooldown ago. What must not be acted upon is recorded as a refused run.
        The same trigger's cause is the same run also when a deployment has changed the inputs' defaults.

        Args:
            runbook: The compiled runbook; stored with the run.
            cause: Why.
            inputs: Checked inputs, JSON-safe.
            refused: Why the cause is not acted upon, if it is not.
            before_refusal: Called before a refused run is recorded.
            mode: `drill` rehearses: it is nobody's active run, joins none, and does not begin beside a recovery.

        Raises:
            RefusedError: the key has other inputs (`run.key_reused`); no drill may begin (`drill.no_site` ...).
            StoreError: the ledger cannot be reached; nothing was started, or the same call finds it.
        """
        run = self._new(runbook, cause, inputs, refused, mode)
        if existing := self.ledger.load(run.run_id):
            return Started(_same(existing, run.inputs), "existing")
        if refused:
            before_refusal(run)
            return Started(self.ledger.create(run, _compiled(runbook)), "refused")
        if mode == DRILL:
            self._may_drill(run, runbook)
        elif cause.kind != BY_HAND and (other := self._joined(run, runbook)):
            return Started(other, "joined")
        made = self.ledger.create(run, _compiled(runbook))
        return Started(_same(made, run.inputs), "new" if made is run else "existing")

    def _joined(self, run: Run, runbook: Runbook) -> Run | None:
        """Return the active run, now joined by this run's cause; None when this run is the active one."""
        cooldown = runbook.guard.cooldown.total_seconds() if runbook.guard.cooldown else 0
        active = self.ledger.claim_activity(run, int(cooldown), self.clock.now())
        if active == run.run_id:
            return None
        self.ledger.join(active, run.cause)
        other = self.ledger.load(active)
        if other and other.state is RunState.REFUSED:  # it ended just now without having done anything
            return self._joined(run, runbook)
        return other

    def known(self, runbook: str, key: str, given: Mapping[str, Any], mode: str = "run") -> Run | None:
        """Return the run that a key names already, if it was asked for with the same inputs; None when it names none.

        The inputs are read as the run's own runbook reads them: no deployment in between changes what was asked for.

        Raises:
            RefusedError: the key was used before with other inputs (`run.key_reused`).
        """
        run = self.ledger.load(run_id_for(self.settings.region, runbook, mode, key))
        if run is None:
            return None
        try:
            inputs = check_inputs(Runbook.model_validate(self.ledger.runbook(run.run_id)), given)
        except InputError:
            inputs = dict(given)
        return _same(run, inputs)

    def take_over(self, run: Run, *, holder: str, fence: bool = True) -> Run:
        """Hold a running run, or reopen a stopped one, in a new generation.

        Raises:
            SupersededError: somebody else did in the meantime.
        """
        now = self.clock.now()
        beat = now + timedelta(seconds=self.settings.pace.grace_s + self.settings.pace.fence_s)
        until = now + timedelta(seconds=self.settings.pace.fence_s) if fence else None
        if run.state is not RunState.STOPPED:
            return self.ledger.take(run, holder=holder, beat_until=beat, fence_until=until)
        return self.ledger.reopen(run, holder=holder, beat_until=beat, fence_until=until)

    def undo(self, run: Run, *, by: str, reason: str, holder: str) -> Run:
        """Reopen an ended run so that it takes back what it did, and hold it. What is undone is left so.

        Raises:
            RefusedError: it is running (`undo.running`), nothing was done (`undo.nothing`), or another run of its
                runbook is under way (`undo.other_run`).
            SupersededError: somebody else was faster.
        """
        if run.state is RunState.UNDONE or (not run.ended and run.undo and run.undo.ordered):
            return run
        self._may_be_undone(run)
        now, pace = self.clock.now(), self.settings.pace
        beat, fence = now + timedelta(seconds=pace.grace_s + pace.fence_s), now + timedelta(seconds=pace.fence_s)
        order = UndoOrder(at=now, by=by, reason=reason, ordered=True)
        return self.ledger.undo(run, order, holder=holder, beat_until=beat, fence_until=fence)

    def _may_be_undone(self, run: Run) -> None:
        if not run.ended:
            raise RefusedError(
                "undo.running",
                f"Run '{run.run_id}' is running: `lifeboat runs stop` it first, and undo it once it has ended.",
            )
        if run.state is RunState.REFUSED:
            raise RefusedError("undo.nothing", f"Run '{run.run_id}' was refused and did nothing.")
        for other in self.ledger.list_runs(limit=1, runbook=run.runbook, running=True):
            raise RefusedError(
                "undo.other_run",
                f"Run '{other.run_id}' of the same runbook is under way, and would be fought by taking back what "
                f"'{run.run_id}' did. Wait for it, or stop it.",
            )

    def _may_drill(self, run: Run, runbook: Runbook) -> None:
        if runbook.drill is None:
            raise RefusedError(
                "drill.no_site",
                f"Runbook {runbook.name} has no section 'drill', which says where a drill may restore to.",
            )
        other = recovery_under_way(self.ledger, self.actions)
        if other:
            raise RefusedError(
                "drill.recovery_first", f"Run '{other.run_id}' recovers something; rehearse once it has ended."
            )
        self.ledger.note_drill(run.run_id)

    def _new(
        self, runbook: Runbook, cause: RunCause, inputs: Mapping[str, Any], refused: Refusal | None, mode: str
    ) -> Run:
        now = self.clock.now()
        run_id = run_id_for(self.settings.region, runbook.name, mode, cause.key)
        return Run(
            run_id=run_id,
            key=cause.key,
            runbook=runbook.name,
            region=self.settings.region,
            state=RunState.REFUSED if refused else RunState.RUNNING,
            mode=mode,
            cause=cause,
            inputs=dict(inputs),
            started_at=now,
            ended_at=now if refused else None,
            holder="" if refused else self.launcher.holder(run_id, 1),
            beat_until=None if refused else now + timedelta(seconds=self.settings.pace.grace_s),
            code=refused.code if refused else "",
            message=refused.why if refused else "",
        )


def _compiled(runbook: Runbook) -> dict[str, Any]:
    compiled: dict[str, Any] = json.loads(runbook.model_dump_json(by_alias=True))
    return compiled


def _same(existing: Run, inputs: Mapping[str, Any]) -> Run:
    """Return the run that exists; a key that a person chose must not mean two things."""
    if existing.cause.kind == BY_HAND and existing.inputs != inputs:
        differing = sorted(
            name for name in {*existing.inputs, *inputs} if existing.inputs.get(name) != inputs.get(name)
        )
        raise RefusedError(
            "run.key_reused",
            f"The key '{existing.key}' already names a run of '{existing.runbook}' with other inputs "
            f"({', '.join(differing)}). Use another key for another run.",
            run_id=existing.run_id,
        )
    return existing
