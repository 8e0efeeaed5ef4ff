"""What the engine remembers of one run between two ticks, so that it need not read it again.

Plans never change once committed. The rest is written only by whoever holds the run, and every slice raises the run's
tick: what was remembered at another generation or tick is void, and is read again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.domain.change import SETTLED, Change, Effect, EffectState, Failure
from chalicelib.domain.run import Intent, Run, StepRow
from chalicelib.domain.runbook import Runbook
from chalicelib.engine.ports import Ledger

NOTHING = Effect()
OPEN = tuple(state for state in EffectState if state not in SETTLED)


@dataclass
class StepMemory:
    """The plan and the effects of one step.

    Changes are kept by the state of their effect too: most questions are about the few in flight of many.

    Attributes:
        pages: Which page each change is on.
        regions: Where the changes are made.
        effects: What is known, by key; written with `put` and `forget` only.
        resent: When what was given up as lost was first intended; it is looked for once more when the second is done.
        scale: How much longer effects take than forecast, learned from those that are done.
        learned: True once one was done, so that `scale` is more than an assumption.
        per_s: How many effects a second were sent lately; 0 while not known.
        not_before: When effects may be tried again after AWS said not yet.
    """

    changes: dict[str, Change] = field(default_factory=dict)
    pages: dict[str, int] = field(default_factory=dict)
    regions: set[str] = field(default_factory=set)
    effects: dict[str, Effect] = field(default_factory=dict)
    sent: dict[str, datetime] = field(default_factory=dict)
    forecast_s: dict[str, float] = field(default_factory=dict)
    lost: dict[str, tuple[Failure, ...]] = field(default_factory=dict)
    resent: dict[str, datetime] = field(default_factory=dict)
    scale: float = 1.0
    learned: bool = False
    not_before: datetime | None = None
    patience: int = 0
    per_s: float = 0.0
    _by_state: dict[EffectState, dict[str, Change]] = field(default_factory=lambda: {s: {} for s in EffectState})

    def put(self, key: str, effect: Effect) -> None:
        """Remember what is known of a change of the plan now."""
        before = self.effect(key).state
        self.effects[key] = effect
        if before is not effect.state:
            self._by_state[effect.state][key] = self._by_state[before].pop(key)

    def forget(self, key: str) -> None:
        """Take a change as not sent: nothing is known of it."""
        self.put(key, NOTHING)
        del self.effects[key]

    def effect(self, key: str) -> Effect:
        """Return what is known of a change."""
        return self.effects.get(key, NOTHING)

    def made(self) -> Iterator[tuple[Change, Effect]]:
        """Yield every change with its effect, in the plan's order."""
        for key, change in self.changes.items():
            yield change, self.effect(key)

    def open(self) -> list[Change]:
        """Return the changes that are not settled."""
        return self.in_state(*OPEN)

    def in_state(self, *states: EffectState) -> list[Change]:
        """Return the changes in one of these states; in no particular order."""
        return [change for state in states for change in self._by_state[state].values()]

    def doubtful(self, keys: tuple[str, ...], at: datetime) -> None:
        """Take what was about to be sent and has no recorded effect as in doubt since `at`."""
        for key in keys:
            if key in self.changes and self.effect(key).state is EffectState.ABSENT:
                self.put(key, Effect(state=EffectState.IN_DOUBT, at=at))

    def intents(self) -> tuple[Intent, ...]:
        """Return what is in doubt, grouped by when it was intended."""
        groups: dict[datetime, list[str]] = {}
        for change in self.in_state(EffectState.IN_DOUBT):
            at = self.effect(change.key).at
            if at:
                groups.setdefault(at, []).append(change.key)
        return tuple(Intent(at=at, keys=tuple(keys)) for at, keys in sorted(groups.items()))

    def add_page(self, number: int, changes: list[Change]) -> None:
        """Take in one page of the plan."""
        for change in changes:
            self.changes[change.key] = change
            self.pages[change.key] = number
            self.regions.add(change.region)
            self._by_state[self.effect(change.key).state][change.key] = change


@dataclass
class RunMemory:
    """Everything remembered of one run at one tick of one generation. `owes` names obligations surely written."""

    run: Run
    runbook: Runbook
    rows: dict[str, StepRow] = field(default_factory=dict)
    steps: dict[str, StepMemory] = field(default_factory=dict)
    owes: set[str] = field(default_factory=set)

    def forget(self, step_ids: Iterable[str]) -> None:
        """Forget steps that are to be planned anew."""
        for step_id in step_ids:
            self.rows.pop(step_id, None)
            self.steps.pop(step_id, None)

    def step(self, step_id: str) -> StepMemory:
        """Return a step's memory, made empty when it has none."""
        return self.steps.setdefault(step_id, StepMemory())

    def needs(self, changes: Sequence[Change]) -> dict[str, Effect]:
        """Return the effects of everything that these changes come after."""
        return {need: self.effect(need) for change in changes for need in change.after}

    def effect(self, qualified: str) -> Effect:
        """Return the effect of `step/key`."""
        step_id, key = qualified.split("/", 1)
        return self.steps[step_id].effect(key) if step_id in self.steps else NOTHING


def recall(ledger: Ledger, run: Run, known: RunMemory | None) -> RunMemory:
    """Return what is known of a run: what is remembered if it is still true, else what the ledger says."""
    if known and (known.run.generation, known.run.tick) == (run.generation, run.tick):
        known.run = run
        return known
    runbook = known.runbook if known else Runbook.model_validate(ledger.runbook(run.run_id))
    memory = RunMemory(run, runbook, {row.step_id: row for row in ledger.steps(run.run_id)})
    for row in memory.rows.values():
        step = memory.step(row.step_id)
        for number in range(row.pages):
            step.add_page(number, ledger.page(run.run_id, row, number))
            for key, effect in ledger.effects(run.run_id, row.step_id, number).items():
                step.put(key, effect)
        for intent in run.intents.get(row.step_id, ()):
            step.doubtful(intent.keys, intent.at)
    return memory


def by_order(changes: Iterable[Change]) -> list[Change]:
    """Return changes as they are to be sent: oldest protected point first."""
    return sorted(changes, key=lambda change: (change.order, change.key))
