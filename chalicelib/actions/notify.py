"""notify.send: one message to an SNS topic.

Source: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html. Publish has no client token on a standard topic and
nothing can be looked up afterwards, so an answer that was lost means: send again. A notice twice is better than none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from chalicelib.actions.base import Action, ActionModel, ApiCall, StepContext
from chalicelib.aws.errors import translated
from chalicelib.domain.change import Change, ChangeKind, Effect, EffectState, Plan
from chalicelib.errors import ActionError, InputError

if TYPE_CHECKING:
    from mypy_boto3_sns.type_defs import MessageAttributeValueTypeDef

TOPIC_PATTERN = r"^(arn:[a-z-]+:sns:[a-z0-9-]+:\d{12}:)?[A-Za-z0-9_-]{1,256}(\.fifo)?$"
SUBJECT_PATTERN = r"^[!-~][ -~]{0,99}$"  # printable ASCII, no line break, at most 100 characters
SUBJECT_LENGTH = 100
MESSAGE_BYTES = 250_000  # below SNS's 262,144, which the attributes share
ARN_REGION = 3
MISSING_TOPIC = frozenset({"NotFound", "NotFoundException"})


class SendInput(ActionModel):
    """Where to, and what. Without a message, what the run has done so far."""

    topic: str = Field(pattern=TOPIC_PATTERN, description="ARN of an SNS topic, or a name in the run's Region.")
    subject: str | None = Field(
        None, pattern=SUBJECT_PATTERN, description="At most 100 printable ASCII characters; else the run's headline."
    )
    message: str | None = Field(None, min_length=1, description="The text; else what the run has done so far.")


class SendOutput(ActionModel):
    """What was sent."""

    message_id: str | None = Field(description="SNS's id of the message; None when it was not sent.")
    topic: str = Field(description="ARN of the topic.")


class Send(Action[SendInput]):
    """Send one notice to an SNS topic. It carries the effect's and the run's name as message attributes.

    No quantities. A topic's name is turned into its ARN with the account that STS tells (one call, which needs no
    permission; listing topics would take a call per hundred of them). The topic is looked up when the step is planned,
    so that a dry run finds a topic that is missing.

    When an answer is lost the notice is sent again at once: one too many is better than none. On a FIFO topic SNS drops
    the second one by its deduplication id.
    """

    name: ClassVar[str] = "notify.send"
    given: ClassVar[type[ActionModel]] = SendInput
    returns: ClassVar[type[ActionModel]] = SendOutput
    permissions: ClassVar[tuple[str, ...]] = (
        "kms:Decrypt",  # both of KMS: for topics that are encrypted under a key of your own
        "kms:GenerateDataKey",
        "sns:GetTopicAttributes",
        "sns:Publish",
        "sts:GetCallerIdentity",
    )
    within: ClassVar[timedelta] = timedelta(minutes=30)
    settle_s: ClassVar[int | None] = 0
    calls: ClassVar[str] = "Plan: GetCallerIdentity (for a name), GetTopicAttributes. Apply: Publish."

    def plan(self, given: SendInput, ctx: StepContext) -> Plan:
        arn = given.topic if given.topic.startswith("arn:") else _arn_of(given.topic, ctx)
        region = arn.split(":")[ARN_REGION]
        notes = _looked_up(arn, region, ctx)
        lines = list(ctx.summary) or [f"Lifeboat run {ctx.run_id} of {ctx.runbook}"]
        message = given.message or "\n".join(lines)
        params: dict[str, Any] = {
            "topic": arn,
            "subject": given.subject or headline(lines[0]),
            "message": message.encode()[:MESSAGE_BYTES].decode(errors="ignore"),
        }
        change = Change(
            key="notice",
            kind=ChangeKind.CREATE,
            resource=arn,
            region=region,
            reason=f"Tell {arn.rsplit(':', 1)[-1]}: {params['subject']}",
            params=params,
            yields=({"item": "notice"},),
        )
        return Plan(changes=(change,), notes=tuple(notes))

    def observe(
        self,
        asked: Sequence[tuple[Change, Effect]],  # noqa: ARG002 - nothing can be seen
        ctx: StepContext,  # noqa: ARG002
    ) -> Mapping[str, Effect]:
        return {}

    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:  # noqa: ARG002
        with translated(f"topic {change.params['topic']}", service="sns", sends=True):
            answer = ctx.aws.sns(change.region, "once").publish(**_request(change, ctx))
        message_id = answer["MessageId"]
        return Effect(state=EffectState.DONE, id=message_id, at=ctx.now, facts={"message_id": message_id})

    def calls_for(self, change: Change, ctx: StepContext) -> Sequence[ApiCall]:
        return (ApiCall("sns", "Publish", change.region, _request(change, ctx)),)

    def outputs(
        self,
        given: SendInput,
        made: Sequence[tuple[Change, Effect]],
        ctx: StepContext,  # noqa: ARG002
    ) -> dict[str, Any]:
        return {
            "message_id": next((effect.id for _, effect in made), None),
            "topic": next((change.resource for change, _ in made), given.topic),
        }


def headline(line: str) -> str:
    """Return a line as SNS takes subjects: printable ASCII, at most 100 characters."""
    plain = "".join(sign if " " <= sign <= "~" else "?" for sign in " ".join(line.split()))
    return plain[:SUBJECT_LENGTH] or "Lifeboat"


def _request(change: Change, ctx: StepContext) -> dict[str, Any]:
    topic, effect_id = str(change.params["topic"]), ctx.effect_id(change.key)
    extra = {"MessageGroupId": ctx.run_id, "MessageDeduplicationId": effect_id} if topic.endswith(".fifo") else {}
    return {
        "TopicArn": topic,
        "Subject": str(change.params["subject"]),
        "Message": str(change.params["message"]),
        "MessageAttributes": {"lifeboat_effect": _text(effect_id), "lifeboat_run": _text(ctx.run_id)},
        **extra,
    }


def _text(value: str) -> MessageAttributeValueTypeDef:
    return {"DataType": "String", "StringValue": value}


def _arn_of(name: str, ctx: StepContext) -> str:
    with translated("this account", service="sts"):
        identity = ctx.aws.client("sts", ctx.region).get_caller_identity()
    partition = identity["Arn"].split(":")[1]
    return f"arn:{partition}:sns:{ctx.region}:{identity['Account']}:{name}"


def _looked_up(arn: str, region: str, ctx: StepContext) -> list[str]:
    """Return notes about the topic; one that may be published to but not looked at is no obstacle."""
    try:
        with translated(f"topic {arn}", service="sns"):
            ctx.aws.sns(region).get_topic_attributes(TopicArn=arn)
    except ActionError as error:
        if error.details.get("aws_code") in MISSING_TOPIC:
            raise InputError(
                "action.topic_missing", f"There is no topic {arn}. Create it, or correct the runbook.", topic=arn
            ) from error
        if error.code == "action.denied":
            return [f"{arn} could not be looked at before sending: {error.message}"]
        raise
    return []
