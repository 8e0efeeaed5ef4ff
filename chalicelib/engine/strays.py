"""Finds what drills have made and have not removed: by its tag in AWS, and only where tag and ledger agree.

A drill removes what it made by itself, and owes what it could not. This looks for what not even the ledger knew: an
effect whose answer was lost and that AWS listed too late, or a drill whose hold was released. What is found becomes an
obligation of its run, with the same inverse changes as ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib.aws.drill_site import Made, made_by_drills
from chalicelib.domain.change import Change, ChangeKind, Effect, EffectState, Obligation, effect_id
from chalicelib.domain.drilling import judge_drill, made_in
from chalicelib.domain.run import Run
from chalicelib.engine.inverse import action_of
from chalicelib.engine.memory import RunMemory, recall
from chalicelib.engine.scope import context_of
from chalicelib.errors import ActionError, RefusedError

if TYPE_CHECKING:
    from chalicelib.engine.advance import Engine

QUIET = timedelta(hours=1)  # so long after its end a drill is looked after: listings lag by minutes at most


class Strays:
    """Looks for what drills have left, with what an engine has."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.ledger = engine, engine.ledger

    def ended(self) -> list[Run]:
        """Return the drills that have ended and may have left something."""
        found = [(run_id, self.ledger.load(run_id)) for run_id in self.ledger.drills()]
        return [run for _, run in found if run is not None and run.ended]

    def sweep(self) -> None:
        """Make an obligation of everything that carries the tag of a drill that has ended."""
        known: dict[str, list[Made]] = {}
        for run in self.ended():
            try:
                self._look_after(run, known)
            except ActionError as error:
                self.engine.journal.note("could not look", run_id=run.run_id, error_code=error.code, why=error.message)

    def _look_after(self, run: Run, known: dict[str, list[Made]]) -> None:
        memory = recall(self.ledger, run, None)
        for region in memory.runbook.guard.regions:
            if region not in known:
                known[region] = made_by_drills(self.engine.aws.reading(), region, databases=_databases(memory))
        left = [one for region in memory.runbook.guard.regions for one in known[region] if one.run_id == run.run_id]
        for owed in self._owed(memory, left):
            self.ledger.owe(run.run_id, owed, self.engine.clock.now())
        if left:
            self.engine.journal.note("a drill has left something", run_id=run.run_id, names=[one.id for one in left])
        elif run.ended_at and self.engine.clock.now() - run.ended_at >= QUIET:
            self.ledger.forget_drill(run.run_id)

    def _owed(self, memory: RunMemory, left: Iterable[Made]) -> Iterator[Obligation]:
        """Yield what is to be done about what was found, once for each effect."""
        agreed: dict[tuple[str, str], Change] = {}
        run_id = memory.run.run_id
        made_by = {effect_id(run_id, step_id, change.key): (step_id, change) for step_id, change in _creates(memory)}
        for one in left:
            if one.effect in made_by:
                step_id, change = made_by[one.effect]
                agreed[step_id, change.key] = change
            else:
                why = f"{one.id} carries the tag of drill {memory.run.run_id}, whose record knows nothing of it."
                yield Obligation(name=f"stray.{one.id}", why=f"{why} Look at it, and remove it if it is the drill's.")
        for (step_id, _), change in agreed.items():
            yield from self._inverse(memory, step_id, change)

    def _inverse(self, memory: RunMemory, step_id: str, change: Change) -> Iterator[Obligation]:
        engine = self.engine
        action = action_of(engine.actions, memory.rows[step_id].uses)
        aws, now = engine.aws.reading(), engine.clock.now()
        ctx = context_of(memory, step_id, "steps", aws, engine.settings.limits, now)
        effect = memory.step(step_id).effect(change.key)
        if effect.state is not EffectState.DONE:  # by now AWS may show more of it than the record knows
            asked = effect if effect.id else Effect(state=EffectState.IN_DOUBT, at=memory.run.started_at)
            effect = action.observe([(change, asked)], ctx).get(change.key, effect)
        undo = action.undo(change, effect, ctx)
        for each in undo.changes:
            alone = each.model_copy(update={"after": (), "by": undo.by})
            why = f"{each.resource}, which a drill has made, is still there and is to go."
            try:
                judge_drill([alone], made_in([(change, effect)]))
            except RefusedError as error:
                yield Obligation(name=f"stray.{each.key}"[:200], why=f"{why} {error.message}")
            else:
                yield Obligation(name=f"stray.{each.key}"[:200], why=why, uses=undo.by, change=alone)
        if undo.cannot:
            yield Obligation(name=f"stray.{change.resource}"[:200], why=f"A drill has left something: {undo.cannot}")


def _creates(memory: RunMemory) -> Iterator[tuple[str, Change]]:
    for row in memory.rows.values():
        made = memory.step(row.step_id).changes.values() if row.phase == "steps" else ()
        yield from ((row.step_id, change) for change in made if change.kind is ChangeKind.CREATE)


def _databases(memory: RunMemory) -> bool:
    return any(step.uses.startswith("rds.") for step in memory.runbook.all_steps())
