"""A small world without AWS's services: a clock that jumps, and actions whose effects take time, fail or get lost.

The ledger is real (moto's DynamoDB); only what steps do is made up, so that engine tests say what the engine does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from chalicelib.actions.base import Action, ActionModel, Check, Review, StepContext, Undo, Verdict
from chalicelib.domain.change import (
    Change,
    ChangeKind,
    Effect,
    EffectState,
    Failure,
    Finding,
    Obligation,
    Plan,
    Question,
)
from chalicelib.errors import ActionError, ErrorKind
from chalicelib.settings import Limits

START = datetime(2031, 1, 6, 3, 0, tzinfo=UTC)
REGION = "us-east-1"


class FakeClock:
    """Time that moves only when somebody waits for it."""

    def __init__(self, start: datetime = START) -> None:
        self.time = self.start = start
        self.on_sleep: Callable[[], None] | None = None

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        if self.on_sleep:
            self.on_sleep()
        self.time += timedelta(seconds=seconds)


class ThingsGiven(ActionModel):
    """What a runbook gives the fake actions."""

    names: tuple[str, ...] = ()
    things: list[dict[str, Any]] = []  # noqa: RUF012 - pydantic copies it


class ThingsMade(ActionModel):
    """What the fake actions leave."""

    things: list[dict[str, Any]]
    total: int


@dataclass
class World:
    """What exists, and what will go wrong.

    Attributes:
        made: effect id -> (name, when made).
        takes_s: How long each thing takes.
        forecast_s: How long each thing is expected to take; None = as long as it does.
        answer_s: How long each call takes.
        refuse: name -> errors to raise, one an attempt; None = it works.
        lose: names whose answer is lost after the effect.
        hidden_s: How long a new thing is not listed by its effect id.
        fails: names that end failed while AWS works on them.
        doubled: names that may be made twice, which shows only when they are looked for by effect id.
        reviews: name -> what re-reading its premise says.
        owes: name -> what making it leaves to be done.
        lasting: names that cannot be taken back.
        unmade: what was taken back, in order.
        ask: What plans ask a person first.
        more: Names that are planned beside those that were given.
        less: Names that are not planned although they were given.
        answers: What the context said of the answer, each time that anything was planned.
    """

    clock: FakeClock
    takes_s: float = 60
    forecast_s: float | None = None
    answer_s: float = 0
    made: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    applied: list[str] = field(default_factory=list)
    refuse: dict[str, list[ActionError | None]] = field(default_factory=dict)
    lose: set[str] = field(default_factory=set)
    hidden_s: float = 0
    fails: set[str] = field(default_factory=set)
    doubled: set[str] = field(default_factory=set)
    reviews: dict[str, Review] = field(default_factory=dict)
    owes: dict[str, tuple[Obligation, ...]] = field(default_factory=dict)
    lasting: set[str] = field(default_factory=set)
    unmade: list[str] = field(default_factory=list)
    looks: int = 0
    most_in_flight: int = 0
    plan_error: Exception | None = None
    plan_failures: tuple[Failure, ...] = ()
    ask: Question | None = None
    more: list[str] = field(default_factory=list)
    less: set[str] = field(default_factory=set)
    answers: list[str] = field(default_factory=list)

    def names(self) -> list[str]:
        """Return the names of everything made, oldest first."""
        return [name for name, _ in self.made.values()]


class MakeThings(Action[ThingsGiven]):
    """Makes things by name, or one from each streamed thing."""

    name: ClassVar[str] = "toy.make_things"
    given = ThingsGiven
    returns = ThingsMade
    permissions: ClassVar[tuple[str, ...]] = ("toy:Make",)
    streams: ClassVar[frozenset[str]] = frozenset({"things"})

    def __init__(self, world: World, **traits: Any) -> None:
        self.world = world
        self.window_size: int | None = traits.pop("window", None)
        for trait, value in traits.items():
            setattr(self, trait, value)

    def plan(self, given: ThingsGiven, ctx: StepContext) -> Plan:
        if self.world.plan_error:
            raise self.world.plan_error
        self.world.answers.append(ctx.answer)
        names = [name for name in (*given.names, *self.world.more) if name not in self.world.less]
        changes = [self._change(name, ctx) for name in names]
        changes += [self._change(f"copy-of-{t['item']}", ctx, str(t["made_by"])) for t in given.things]
        return Plan(changes=tuple(changes), failures=self.world.plan_failures, ask=self._asks(given))

    def _asks(self, given: ThingsGiven) -> Question | None:
        return self.world.ask if given.names else None

    @staticmethod
    def _change(name: str, ctx: StepContext, after: str | None = None) -> Change:
        return Change(
            key=name,
            kind=ChangeKind.CREATE,
            resource=name,
            region=ctx.region,
            reason="wanted",
            after=(after,) if after else (),
            params={"name": name},
            yields=({"item": name},),
            order=name,
        )

    def observe(self, asked: Sequence[tuple[Change, Effect]], ctx: StepContext) -> Mapping[str, Effect]:
        self.world.looks += 1
        found = {}
        for change, effect in asked:
            thing = self.world.made.get(ctx.effect_id(change.key))
            if thing is None:
                continue
            age = (self.world.clock.now() - thing[1]).total_seconds()
            if effect.id is None and change.key in self.world.doubled:
                double = Failure(resource=change.key, code="toy.doubled", message=f"{change.key} is there twice")
                effect = effect.model_copy(update={"failures": (double,)})  # noqa: PLW2901 - what is seen by name
            elif effect.id is None and age < self.world.hidden_s:
                continue
            found[change.key] = self._seen(change, effect, age)
        return found

    def _seen(self, change: Change, effect: Effect, age: float) -> Effect:
        now, adopted = self.world.clock.now(), effect.adopted or effect.id is None
        effect = effect.model_copy(update={"owes": self.world.owes.get(change.key, ())})
        update = {"id": f"id-{change.key}", "adopted": adopted, "facts": {"items": {change.key: {"id": change.key}}}}
        if age < self.world.takes_s:
            return effect.moved(EffectState.PENDING, now, **update)
        if change.key in self.world.fails:
            return effect.moved(EffectState.FAILED, now, code="toy.broke", message=f"{change.key} broke", **update)
        return effect.moved(EffectState.DONE, now, **update)

    def review(self, changes: Sequence[Change], needs: Mapping[str, Effect], ctx: StepContext) -> Mapping[str, Review]:
        return {c.key: self.world.reviews[c.key] for c in changes if c.key in self.world.reviews}

    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:
        world, name = self.world, change.key
        self.world.applied.append(name)
        world.clock.time += timedelta(seconds=world.answer_s)
        errors = world.refuse.get(name, [])
        error = errors.pop(0) if errors else None
        if error:
            raise error
        assert ctx.effect_id(name) not in world.made or name in world.doubled, f"{name} made twice"
        world.made[ctx.effect_id(name)] = (str(change.params["name"]), world.clock.now())
        flying = [at for _, at in world.made.values() if (world.clock.now() - at).total_seconds() < world.takes_s]
        world.most_in_flight = max(world.most_in_flight, len(flying))
        if name in world.lose:
            world.lose.discard(name)
            raise ActionError("aws.no_answer", f"{name}: no answer", ErrorKind.IN_DOUBT)
        due = world.clock.now() + timedelta(seconds=world.forecast_s or world.takes_s)
        return Effect(state=EffectState.PENDING, id=f"id-{name}", due=due, owes=world.owes.get(name, ()))

    def undo(self, change: Change, effect: Effect, ctx: StepContext) -> Undo:
        if change.key in self.world.lasting:
            return Undo(cannot=f"{change.key} lasts for ever")
        return Undo(by=UnmakeThings.name, changes=(unmaking(change.key, ctx.effect_id(change.key), ctx.region),))

    def window(self, limits: Limits) -> int | None:
        return self.window_size

    def outputs(self, given: ThingsGiven, made: Sequence[tuple[Change, Effect]], ctx: StepContext) -> dict[str, Any]:
        return {"total": len(made)}


def unmaking(name: str, made_as: str, region: str = REGION) -> Change:
    """Return the change that takes a thing back."""
    return Change(
        key=f"unmake-{name}",
        kind=ChangeKind.DELETE,
        resource=f"id-{name}",
        region=region,
        reason="taken back",
        params={"made_as": made_as},
    )


class UnmakeThings(Action[ThingsGiven]):
    """Takes things back, at once; what is not there is taken back already."""

    name: ClassVar[str] = "toy.unmake_things"
    given = ThingsGiven
    returns = ThingsMade
    permissions: ClassVar[tuple[str, ...]] = ("toy:Unmake",)
    review_every_s: ClassVar[int | None] = 0

    def __init__(self, world: World) -> None:
        self.world = world

    def plan(self, given: ThingsGiven, ctx: StepContext) -> Plan:
        return Plan()

    def observe(self, asked: Sequence[tuple[Change, Effect]], ctx: StepContext) -> Mapping[str, Effect]:
        gone = [(change, effect) for change, effect in asked if change.params["made_as"] not in self.world.made]
        return {c.key: e.moved(EffectState.DONE, self.world.clock.now(), id=c.resource, adopted=True) for c, e in gone}

    def review(self, changes: Sequence[Change], needs: Mapping[str, Effect], ctx: StepContext) -> Mapping[str, Review]:
        return {c.key: self.world.reviews[c.key] for c in changes if c.key in self.world.reviews}

    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:
        self.world.clock.time += timedelta(seconds=self.world.answer_s)
        errors = self.world.refuse.get(change.key, [])
        error = errors.pop(0) if errors else None
        if error:
            raise error
        assert change.params["made_as"] in self.world.made, f"{change.key} twice"
        del self.world.made[str(change.params["made_as"])]
        self.world.unmade.append(change.resource.removeprefix("id-"))
        if change.key in self.world.lose:
            self.world.lose.discard(change.key)
            raise ActionError("aws.no_answer", f"{change.key}: no answer", ErrorKind.IN_DOUBT)
        return Effect(state=EffectState.DONE, id=change.resource)

    def outputs(self, given: ThingsGiven, made: Sequence[tuple[Change, Effect]], ctx: StepContext) -> dict[str, Any]:
        return {}


class Judge(Check[ThingsGiven]):
    """Judges that every named thing was made."""

    name: ClassVar[str] = "check.things"
    given = ThingsGiven
    returns = ThingsMade
    permissions: ClassVar[tuple[str, ...]] = ("toy:List",)

    def __init__(self, world: World) -> None:
        self.world = world

    def check(self, given: ThingsGiven, ctx: StepContext) -> Verdict:
        made = set(self.world.names())
        findings = [
            Finding(resource=name, region=ctx.region, ok=name in made, message="there" if name in made else "not there")
            for name in given.names
        ]
        return Verdict(findings, {"total": len(findings)})


def toy_actions(world: World, **traits: Any) -> dict[str, Action[Any] | Check[Any]]:
    """Return the fake actions over one world."""
    known = (MakeThings(world, **traits), UnmakeThings(world), Judge(world))
    return {action.name: action for action in known}


def toy_runbook(**changes: Any) -> dict[str, Any]:
    """Return a runbook that makes a, b and c, and checks that they are there."""
    return {
        "version": 1,
        "name": "toy",
        "guard": {"regions": [REGION]},
        "steps": [{"id": "things", "uses": "toy.make_things", "with": {"names": ["a", "b", "c"]}}],
        "verify": [{"uses": "check.things", "with": {"names": ["a", "b", "c"]}}],
        **changes,
    }
