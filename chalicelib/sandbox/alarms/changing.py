"""What changes alarms: darkness that falls and lifts, flapping, and a person's hand; and the events of the changes.

Shapes: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html. Delivery is
guaranteed, so these events are never dropped; they may come late or twice.
"""

from __future__ import annotations

from typing import Any

from chalicelib.sandbox.alarms.things import (
    ALARM,
    OK,
    PERIOD_S,
    Alarm,
    Composite,
    Turn,
    green_turn,
    red_turn,
    stamp,
    watch,
)
from chalicelib.sandbox.ec2.notices import uuid_of
from chalicelib.sandbox.weather.clock import iso
from chalicelib.sandbox.weather.darkness import Dark
from chalicelib.sandbox.weather.sky import ACCOUNT, Sky

Json = dict[str, Any]


def darkness_fell(sky: Sky, dark: Dark) -> None:
    """Let the alarms of a zone change when enough datapoints are bad."""
    for alarm in _of_zone(sky, dark):
        _turn(sky, alarm, red_turn(dark.since_s))


def darkness_lifted(sky: Sky, dark: Dark) -> None:
    """Let the alarms of a zone change back; one that has not changed yet never does."""
    for alarm in _of_zone(sky, dark):
        alarm.call_off(sky.now_s)
        if alarm.turn_at(sky.now_s).state == ALARM:
            _turn(sky, alarm, green_turn(sky.now_s))


def _of_zone(sky: Sky, dark: Dark) -> list[Alarm]:
    return [alarm for alarm in watch(sky, dark.region).metric.values() if alarm.zone == dark.zone_name]


def flap(sky: Sky, region: str, name: str, times: int, within_s: float) -> None:
    """Let an alarm go to ALARM and back so many times, evenly within a time from now."""
    alarm = watch(sky, region).metric[name]
    alarm.call_off(sky.now_s)
    step_s = within_s / (2 * times)
    for number in range(times):
        at_s = sky.now_s + 2 * number * step_s
        _turn(sky, alarm, _by_hand(at_s, ALARM))
        _turn(sky, alarm, _by_hand(at_s + step_s, OK))


def set_state(sky: Sky, region: str, name: str, state: str) -> None:
    """Put an alarm into a state now."""
    alarm = watch(sky, region).metric[name]
    alarm.call_off(sky.now_s)
    if alarm.turn_at(sky.now_s).state != state:
        _turn(sky, alarm, _by_hand(sky.now_s, state))


def _by_hand(at_s: float, state: str) -> Turn:
    made = red_turn(at_s - 4 * PERIOD_S) if state == ALARM else green_turn(at_s - 4 * PERIOD_S)
    made.at_s = at_s
    return made


def _turn(sky: Sky, alarm: Alarm, turn: Turn) -> None:
    alarm.add(turn)
    composites = [c for c in watch(sky, alarm.region).composite.values() if alarm in c.children]
    sky.mail.post(turn.at_s, "event", lambda: _alarm_event(alarm, turn), settles=False, drops=False)
    for composite in composites:
        sky.mail.post(turn.at_s, "event", _composite_writer(composite, turn), settles=False, drops=False)


def _composite_writer(composite: Composite, turn: Turn) -> Any:
    def write() -> Json | None:
        composite.catch_up(turn.at_s)
        mine = composite.turns[-1]
        if mine.at_s != turn.at_s or turn.called_off:
            return None
        configuration = {"alarmRule": composite.rule, "actionsEnabled": True}
        return _event(composite, mine, composite.turns[-2], configuration)

    return write


def _alarm_event(alarm: Alarm, turn: Turn) -> Json | None:
    if turn.called_off:
        return None
    metric = {"namespace": "AWS/ApplicationELB", "name": "HealthyHostCount", "dimensions": dict(alarm.dimensions)}
    stat = {"metric": metric, "period": PERIOD_S, "stat": "Minimum"}
    metrics = [{"id": uuid_of("metric", alarm.name), "metricStat": stat, "returnData": True}]
    return _event(alarm, turn, alarm.before(turn), {"metrics": metrics})


def _event(alarm: Alarm | Composite, turn: Turn, before: Turn, configuration: Json) -> Json:
    return {
        "version": "0",
        "id": uuid_of("alarm event", alarm.name, turn.at_s, turn.state),
        "detail-type": "CloudWatch Alarm State Change",
        "source": "aws.cloudwatch",
        "account": ACCOUNT,
        "time": iso(turn.at_s, timespec="seconds"),
        "region": alarm.region,
        "resources": [alarm.arn],
        "detail": {
            "alarmName": alarm.name,
            "state": _state(turn),
            "previousState": _state(before),
            "configuration": configuration,
        },
    }


def _state(turn: Turn) -> Json:
    return {
        "value": turn.state,
        "reason": turn.reason,
        "reasonData": turn.reason_data,
        "timestamp": stamp(turn.at_s),
    }
