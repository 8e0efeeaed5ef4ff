"""What happened: an event, read once, or refused with the field that is wrong.

Shapes: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html (every event),
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html (alarms) and,
of a firing, what Lifeboat's own schedules send, with
https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html filled in by AWS.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue

from chalicelib.domain.alarm_reason import began_at, dimensions_of, triggers_of
from chalicelib.domain.aws_news import AWS_HEALTH, News, read_news
from chalicelib.domain.types import Strict
from chalicelib.errors import InputError

ALARM_DETAIL_TYPE = "CloudWatch Alarm State Change"
ALARM_STATES = ("ALARM", "OK", "INSUFFICIENT_DATA")


class ScheduleEvent(Strict):
    """A schedule of a runbook fired. `occurred_at` is the time it was meant to fire, also when AWS delivers late."""

    kind: Literal["schedule"] = "schedule"
    runbook: str
    trigger: int
    occurred_at: datetime
    received_at: datetime

    @property
    def cause_key(self) -> str:
        """The same for every delivery of one firing."""
        return f"schedule/{self.trigger}/{_written(self.occurred_at)}"

    @property
    def summary(self) -> str:
        """One line for people."""
        return f"schedule of {_written(self.occurred_at)}"

    @property
    def since(self) -> datetime | None:
        """Nothing is wrong when a schedule fires."""
        return None

    @property
    def about(self) -> dict[str, JsonValue]:
        """Nothing."""
        return {}


class AlarmEvent(Strict):
    """A CloudWatch alarm, metric or composite, entered a state. `occurred_at` is the time of that change.

    `since` is the time of the first bad datapoint that it tells of, `triggers` are the alarms that set off a composite.
    """

    kind: Literal["alarm"] = "alarm"
    id: str
    alarm: str
    state: Literal["ALARM", "OK", "INSUFFICIENT_DATA"]
    previous: str = ""
    reason: str = ""
    composite: bool = False
    dimensions: dict[str, str] = Field(default_factory=dict)
    triggers: tuple[str, ...] = ()
    since: datetime | None = None
    region: str
    account: str
    occurred_at: datetime
    received_at: datetime
    raw: dict[str, Any] = Field(repr=False)

    @property
    def cause_key(self) -> str:
        """The same for every delivery of one change of state."""
        return f"event/{self.id}"

    @property
    def summary(self) -> str:
        """One line for people."""
        was = f" (was {self.previous})" if self.previous else ""
        return f"alarm {self.alarm} is {self.state}{was} since {_written(self.occurred_at)}"

    @property
    def about(self) -> dict[str, JsonValue]:
        """What the event tells of where."""
        named: dict[str, JsonValue] = {"alarm": self.alarm, "state": self.state, "region": self.region}
        return {**named, "dimensions": dict(self.dimensions), "triggers": list(self.triggers)}


class OtherEvent(Strict):
    """Any other EventBridge event. `region` is the one that it is about, wherever AWS delivered it."""

    kind: Literal["event"] = "event"
    id: str
    source: str
    detail_type: str
    region: str
    account: str
    news: News = News()
    occurred_at: datetime
    received_at: datetime
    raw: dict[str, Any] = Field(repr=False)

    @property
    def cause_key(self) -> str:
        """The same for every delivery of one event, also of its pages and copies."""
        return self.news.key or f"event/{self.id}"

    @property
    def since(self) -> datetime | None:
        """When the trouble began, if the event says so."""
        return self.news.since

    @property
    def about(self) -> dict[str, JsonValue]:
        """What the event tells of where."""
        return self.news.about

    @property
    def elsewhere(self) -> bool:
        """True of AWS Health's events, which come from other Regions too: `region` says whether they are meant."""
        return self.source == AWS_HEALTH

    @property
    def summary(self) -> str:
        """One line for people."""
        return f"{self.detail_type} from {self.source} of {_written(self.occurred_at)}"


class ManualCause(Strict):
    """Somebody asked for a run, by API or command line.

    Attributes:
        runbook: What they asked for.
        who: The caller, an ARN or a name.
        key: The caller's idempotency key: the same key is the same run.
        inputs: What they gave, not yet checked.
    """

    kind: Literal["manual"] = "manual"
    runbook: str
    who: Annotated[str, Field(min_length=1)]
    key: Annotated[str, Field(min_length=1, max_length=200)]
    inputs: dict[str, Any] = Field(default_factory=dict)
    occurred_at: datetime

    @property
    def cause_key(self) -> str:
        """The same for every repetition with the caller's key."""
        return f"manual/{self.key}"

    @property
    def summary(self) -> str:
        """One line for people."""
        return f"by hand, {self.who}"


Event = Annotated[ScheduleEvent | AlarmEvent | OtherEvent | ManualCause, Field(discriminator="kind")]
"""Why a run may start."""


def parse(raw: Any, received_at: datetime) -> ScheduleEvent | AlarmEvent | OtherEvent:
    """Read what a handler received.

    Args:
        raw: The payload of a Lifeboat schedule or an EventBridge event.
        received_at: When the handler got it; aware, UTC.

    Raises:
        InputError: a field is missing or wrong (`event.invalid`); `details["field"]` names it.
    """
    if not isinstance(raw, Mapping):
        raise InputError("event.invalid", "The event is not an object with fields", field="")
    if "lifeboat" in raw:
        return _schedule(raw, received_at)
    for field in ("source", "detail-type"):
        _text(raw, field)
    if raw["source"] == "aws.cloudwatch" and raw["detail-type"] == ALARM_DETAIL_TYPE:
        return _alarm(raw, received_at)
    common = _common(raw, received_at)
    news = read_news(raw, common["occurred_at"])
    common["region"] = news.region or common["region"]
    return OtherEvent(**common, source=raw["source"], detail_type=raw["detail-type"], news=news)


def _schedule(raw: Mapping[str, Any], received_at: datetime) -> ScheduleEvent:
    if raw["lifeboat"] != "schedule":
        raise _wrong("lifeboat", f"says {raw['lifeboat']!r}; only 'schedule' is known")
    trigger = raw.get("trigger")
    if isinstance(trigger, bool) or not isinstance(trigger, int) or trigger < 0:
        raise _wrong("trigger", "is not the number of a trigger, counted from 0")
    return ScheduleEvent(
        runbook=_text(raw, "runbook"),
        trigger=trigger,
        occurred_at=_instant(raw, "scheduled_at"),
        received_at=received_at,
    )


def _alarm(raw: Mapping[str, Any], received_at: datetime) -> AlarmEvent:
    common = _common(raw, received_at)
    detail = _object(raw, "detail")
    state = _object(detail, "state", "detail.")
    value = _text(state, "value", "detail.state.")
    if value not in ALARM_STATES:
        raise _wrong("detail.state.value", f"is {value!r}; known: {', '.join(ALARM_STATES)}")
    previous, configuration = detail.get("previousState"), detail.get("configuration")
    return AlarmEvent(
        **common,
        alarm=_text(detail, "alarmName", "detail."),
        state=value,
        reason=str(state.get("reason", "")),
        previous=str(previous.get("value", "")) if isinstance(previous, Mapping) else "",
        composite=isinstance(configuration, Mapping) and "alarmRule" in configuration,
        dimensions=dimensions_of(configuration),
        triggers=triggers_of(state),
        since=began_at(state) if value == "ALARM" else None,
    )


def _common(raw: Mapping[str, Any], received_at: datetime) -> dict[str, Any]:
    return {
        "id": _text(raw, "id"),
        "region": _text(raw, "region"),
        "account": _text(raw, "account"),
        "occurred_at": _instant(raw, "time"),
        "received_at": received_at,
        "raw": dict(raw),
    }


def _text(raw: Mapping[str, Any], field: str, prefix: str = "") -> str:
    value = raw.get(field)
    if not isinstance(value, str) or not value:
        raise _wrong(prefix + field, "is missing" if value is None else "is not a text with something in it")
    return value


def _object(raw: Mapping[str, Any], field: str, prefix: str = "") -> Mapping[str, Any]:
    value = raw.get(field)
    if not isinstance(value, Mapping):
        raise _wrong(prefix + field, "is missing" if value is None else "is not an object with fields")
    return value


def _instant(raw: Mapping[str, Any], field: str) -> datetime:
    text = _text(raw, field)
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise _wrong(field, f"is {text!r}, not a time such as 2030-01-31T03:00:00Z") from None
    if instant.tzinfo is None:
        raise _wrong(field, f"is {text!r}, a time without a zone; write for example 2030-01-31T03:00:00Z")
    return instant.astimezone(UTC)


def _wrong(field: str, why: str) -> InputError:
    return InputError("event.invalid", f"The event's field {field} {why}", field=field)


def _written(instant: datetime) -> str:
    return instant.isoformat(timespec="seconds").replace("+00:00", "Z")
