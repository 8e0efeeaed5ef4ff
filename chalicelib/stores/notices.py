"""Tells notices to people (SNS) and to machines (EventBridge), as far as a deployment names them.

Sources: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html (256 KB) and
https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html (an entry can fail although the call
succeeds). Both deliver at least once: the notice's id tells a repetition.
"""

from __future__ import annotations

import json
from typing import Any

from chalicelib.aws.clients import Aws
from chalicelib.aws.errors import translated
from chalicelib.domain.notice import Notice
from chalicelib.errors import ActionError, ErrorKind

SOURCE = "lifeboat"
MESSAGE_BYTES = 200_000  # below SNS's and EventBridge's 256 KB, with room for what is beside it
ARN_REGION = 3


class Notices:
    """Sends notices to one topic and one event bus; empty names mean none.

    Args:
        aws: The way to AWS.
        region: Where the bus is.
        topic: ARN of an SNS topic.
        bus: Name or ARN of an event bus.
    """

    def __init__(self, aws: Aws, region: str, topic: str, bus: str) -> None:
        self.aws, self.region, self.topic, self.bus = aws, region, topic, bus

    @property
    def channels(self) -> tuple[str, ...]:
        """The ways in which the deployment wants to be told: `sns`, `bus`."""
        return tuple(name for name, there in (("sns", self.topic), ("bus", self.bus)) if there)

    def tell(self, notice: Notice, channel: str) -> None:
        """Send a notice through one channel. Told again, it goes out again, with the same id.

        Raises:
            ActionError: it was not taken, or there was no answer.
        """
        if channel == "sns":
            self._publish(notice)
        else:
            self._put(notice)

    def _publish(self, notice: Notice) -> None:
        region = self.topic.split(":")[ARN_REGION] if self.topic.startswith("arn:") else self.region
        fifo = {"MessageGroupId": notice.runbook or "lifeboat", "MessageDeduplicationId": notice.id[-128:]}
        text = "\n".join(notice.lines).encode()[:MESSAGE_BYTES].decode(errors="ignore")
        with translated(f"topic {self.topic}", service="sns", sends=True):
            self.aws.sns(region, "once").publish(
                TopicArn=self.topic,
                Subject=notice.subject,
                Message=text,
                MessageAttributes={
                    "lifeboat_notice": {"DataType": "String", "StringValue": notice.id},
                    "lifeboat_kind": {"DataType": "String", "StringValue": notice.kind.value},
                },
                **(fifo if self.topic.endswith(".fifo") else {}),
            )

    def _put(self, notice: Notice) -> None:
        detail: dict[str, Any] = notice.model_dump(mode="json")
        if len(json.dumps(detail).encode()) > MESSAGE_BYTES:
            detail["facts"] = {"run_id": notice.run_id, "cut": True}
        entry = {
            "Source": SOURCE,
            "DetailType": f"Lifeboat {notice.kind.value}",
            "Detail": json.dumps(detail),
            "EventBusName": self.bus,
            "Time": notice.at,
        }
        with translated(f"event bus {self.bus}", service="events", sends=True):
            answer = self.aws.client("events", self.region, "once").put_events(Entries=[entry])
        if answer.get("FailedEntryCount"):
            [bad] = answer["Entries"]
            raise ActionError(
                "notice.not_taken",
                f"EventBridge did not take a notice on {self.bus}: {bad.get('ErrorCode')}: {bad.get('ErrorMessage')}.",
                ErrorKind.THROTTLED,
            )
