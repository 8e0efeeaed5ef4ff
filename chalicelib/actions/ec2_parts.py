"""Actions that consist of parts: each kind of change (`params["do"]`) is made and watched by a part of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from chalicelib.actions.base import Action, ActionModel, ApiCall, Review, StepContext
from chalicelib.domain.change import Change, Effect

I = TypeVar("I", bound=ActionModel)  # noqa: E741 - the input model
Asked = Sequence[tuple[Change, Effect]]


class Part(ABC):
    """One kind of change. `watch` and `review` get changes of this kind and of one Region only."""

    @abstractmethod
    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:
        """Make the effect; see `Action.apply`."""

    @abstractmethod
    def watch(self, asked: Asked, ctx: StepContext) -> Mapping[str, Effect]:
        """Return what AWS shows; see `Action.observe`."""

    @abstractmethod
    def calls(self, change: Change, ctx: StepContext) -> Sequence[ApiCall]:
        """Return the calls that a person would make; see `Action.calls_for`."""

    def review(self, changes: Sequence[Change], needs: Mapping[str, Effect], ctx: StepContext) -> Mapping[str, Review]:  # noqa: ARG002
        """Read premises again; see `Action.review`."""
        return {}


class PartAction(Action[I]):
    """An action whose changes are made by its parts."""

    parts: ClassVar[Mapping[str, Part]]

    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:
        return self.part(change).apply(change, needs, ctx)

    def observe(self, asked: Asked, ctx: StepContext) -> Mapping[str, Effect]:
        found: dict[str, Effect] = {}
        for name, region in sorted({_where(change) for change, _ in asked}):
            found |= self.parts[name].watch([each for each in asked if _where(each[0]) == (name, region)], ctx)
        return found

    def review(self, changes: Sequence[Change], needs: Mapping[str, Effect], ctx: StepContext) -> Mapping[str, Review]:
        found: dict[str, Review] = {}
        for name, region in sorted({_where(change) for change in changes}):
            mine = [change for change in changes if _where(change) == (name, region)]
            found |= self.parts[name].review(mine, needs, ctx)
        return found

    def calls_for(self, change: Change, ctx: StepContext) -> Sequence[ApiCall]:
        return self.part(change).calls(change, ctx)

    def part(self, change: Change) -> Part:
        """Return the part that a change is of."""
        return self.parts[_where(change)[0]]


def _where(change: Change) -> tuple[str, str]:
    return str(change.params["do"]), change.region


def found_in(needs: Mapping[str, Effect], fact: str) -> Any:
    """Return a fact that one of the needed effects knows; None when none does."""
    return next((effect.facts[fact] for effect in needs.values() if effect.facts.get(fact)), None)
