"""ask.approval: a step that does nothing but ask a person, and hands the answer on.

Calls no AWS service: the engine asks and waits, as for every plan that asks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, ClassVar

from pydantic import AwareDatetime, Field, field_validator

from chalicelib.actions.base import Action, ActionModel, StepContext
from chalicelib.domain.change import Change, Effect, Plan, Question


class ApprovalInput(ActionModel):
    """What is asked."""

    question: str = Field(min_length=1, max_length=2000, description="What the person reads: what is at stake.")
    choices: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] | None = Field(
        None, max_length=50, description="What can be answered; left out: yes or no."
    )

    @field_validator("choices")
    @classmethod
    def _some(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is not None and not value:
            raise ValueError("there is nothing to choose from; leave it out for a question of yes or no")
        if value is not None and len(set(value)) != len(value):
            raise ValueError("a choice stands here twice")
        return value


class ApprovalOutput(ActionModel):
    """What was answered."""

    answer: str = Field(description="`yes`: after a no the step has failed.")
    choice: str = Field(description="What was chosen; empty where there was nothing to choose.")
    by: str = Field(description="Who answered: a caller's ARN, a user of the machine, or the runbook in advance.")
    at: AwareDatetime = Field(description="When (UTC).")


class Approval(Action[ApprovalInput]):
    """Wait for a person to say yes, or to choose; nothing that comes after it begins before.

    No quantities. The step's `within:` is how long may be answered; a no fails it (`ask.declined`), and so does silence
    (`ask.expired`). Put it before steps that only a person may let begin.
    """

    name: ClassVar[str] = "ask.approval"
    given: ClassVar[type[ActionModel]] = ApprovalInput
    returns: ClassVar[type[ActionModel]] = ApprovalOutput
    permissions: ClassVar[tuple[str, ...]] = ()
    within: ClassVar[timedelta] = timedelta(hours=4)
    calls: ClassVar[str] = "None: the question and the answer are in the ledger."

    def plan(self, given: ApprovalInput, ctx: StepContext) -> Plan:  # noqa: ARG002 - the same for all
        return Plan(ask=Question(reason=given.question, choices=given.choices or ()))

    def observe(
        self,
        asked: Sequence[tuple[Change, Effect]],  # noqa: ARG002 - there are no changes
        ctx: StepContext,  # noqa: ARG002
    ) -> Mapping[str, Effect]:
        return {}

    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:
        raise NotImplementedError("an approval plans no changes")

    def outputs(
        self,
        given: ApprovalInput,  # noqa: ARG002
        made: Sequence[tuple[Change, Effect]],  # noqa: ARG002
        ctx: StepContext,
    ) -> dict[str, Any]:
        said = ctx.answered
        if said is None:
            return {}
        return {"answer": said.word, "choice": said.choice, "by": said.by, "at": said.at.isoformat()}
