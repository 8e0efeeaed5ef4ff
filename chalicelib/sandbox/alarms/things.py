"""Alarms whose state is what their timeline says of the virtual time.

How datapoints are evaluated: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from chalicelib.sandbox.weather.sky import ACCOUNT, Sky

ALARM, OK = "ALARM", "OK"
PERIOD_S = 60
NEEDED, WINDOW = 3, 5  # datapoints to alarm, and evaluation periods
EVALUATED_AFTER_S = 20.0  # how long after a period's end its datapoint is evaluated
HEALTHY, THRESHOLD = 2.0, 1.0


@dataclass
class Turn:
    """A change of state at an instant, which may lie ahead; one that was called off never comes."""

    at_s: float
    state: str
    reason: str
    data: dict[str, Any] = field(default_factory=dict)
    called_off: bool = False

    @property
    def reason_data(self) -> str:
        """The data behind the reason, as CloudWatch writes it: JSON in a text."""
        return json.dumps(self.data)


@dataclass
class Alarm:
    """An alarm on a metric. With a `zone` (a name) it follows the darkness over it."""

    name: str
    region: str
    dimensions: dict[str, str]
    zone: str = ""
    turns: list[Turn] = field(default_factory=list)

    @property
    def arn(self) -> str:
        """Its ARN."""
        return f"arn:aws:cloudwatch:{self.region}:{ACCOUNT}:alarm:{self.name}"

    def turn_at(self, at_s: float) -> Turn:
        """Return the change of state that counts at an instant."""
        return [turn for turn in self.turns if turn.at_s <= at_s and not turn.called_off][-1]

    def before(self, turn: Turn) -> Turn:
        """Return the change of state before another one."""
        return [each for each in self.turns if each is not turn and each.at_s <= turn.at_s and not each.called_off][-1]

    def add(self, turn: Turn) -> Turn:
        """Keep a change of state, in the order of time."""
        self.turns = sorted([*self.turns, turn], key=lambda each: each.at_s)
        return turn

    def call_off(self, now_s: float) -> None:
        """Call off everything that lies ahead."""
        for turn in self.turns:
            turn.called_off |= turn.at_s > now_s


@dataclass
class Composite:
    """A composite alarm: in ALARM while any of its children is."""

    name: str
    region: str
    children: list[Alarm]
    turns: list[Turn] = field(default_factory=list)

    @property
    def arn(self) -> str:
        """Its ARN."""
        return f"arn:aws:cloudwatch:{self.region}:{ACCOUNT}:alarm:{self.name}"

    @property
    def rule(self) -> str:
        """The rule as CloudWatch writes it."""
        return " OR ".join(f'ALARM("{child.name}")' for child in self.children)

    def catch_up(self, now_s: float) -> None:
        """Follow the children up to now. Idempotent at one instant."""
        known_s = self.turns[-1].at_s
        moments = sorted({t.at_s for c in self.children for t in c.turns if known_s < t.at_s <= now_s})
        for at_s in moments:
            red = [child for child in self.children if child.turn_at(at_s).state == ALARM]
            state = ALARM if red else OK
            if state != self.turns[-1].state:
                self.turns.append(Turn(at_s, state, self._reason(at_s, state), _triggers(self.children, at_s, state)))

    def _reason(self, at_s: float, state: str) -> str:
        child = next(c for c in self.children if c.turn_at(at_s).at_s == at_s)
        day = datetime.fromtimestamp(at_s, UTC).strftime("%A %d %B, %Y %H:%M:%S UTC")
        return f"{child.arn} transitioned to {state} at {day}"


def _triggers(children: list[Alarm], at_s: float, state: str) -> dict[str, Any]:
    return {
        "triggeringAlarms": [
            {"arn": child.arn, "state": {"value": state, "timestamp": stamp(child.turn_at(at_s).at_s)}}
            for child in children
            if child.turn_at(at_s).state == state
        ]
    }


@dataclass
class Watch:
    """The alarms of one Region, by name."""

    region: str
    metric: dict[str, Alarm] = field(default_factory=dict)
    composite: dict[str, Composite] = field(default_factory=dict)


def watch(sky: Sky, region: str) -> Watch:
    """Return the alarms of a Region."""
    found: Watch = sky.alarms.setdefault(region, Watch(region))
    return found


def stamp(at_s: float) -> str:
    """Write an instant as CloudWatch's events do: `2031-01-06T01:00:00.000+0000`."""
    moment = datetime.fromtimestamp(at_s, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}+0000"


def began(at_s: float) -> Turn:
    """Return the first state of an alarm."""
    return Turn(at_s, OK, "Unchecked: Initial alarm creation", {"version": "1.0", "period": PERIOD_S})


def red_turn(since_s: float) -> Turn:
    """Return the change to ALARM for a trouble that began at an instant: three bad datapoints of five."""
    first_s = math.floor(since_s / PERIOD_S) * PERIOD_S
    values = [HEALTHY] * (WINDOW - NEEDED) + [0.0] * NEEDED
    return _turn(ALARM, first_s - (WINDOW - NEEDED) * PERIOD_S, values, NEEDED, "were less than")


def green_turn(since_s: float) -> Turn:
    """Return the change to OK after a trouble that ended at an instant: fewer than three bad datapoints of five."""
    first_s = math.ceil(since_s / PERIOD_S) * PERIOD_S
    bad = NEEDED - 1
    return _turn(OK, first_s - bad * PERIOD_S, [0.0] * bad + [HEALTHY] * NEEDED, NEEDED, "were not less than")


def _turn(state: str, start_s: float, values: list[float], count: int, how: str) -> Turn:
    starts = [start_s + number * PERIOD_S for number in range(len(values))]
    at_s = starts[-1] + PERIOD_S + EVALUATED_AFTER_S
    shown = ", ".join(f"{v} ({_short(s)})" for v, s in reversed(list(zip(values, starts, strict=True))[-count:]))
    way = f"OK -> {ALARM}" if state == ALARM else f"{ALARM} -> {OK}"
    reason = (
        f"Threshold Crossed: {count} out of the last {WINDOW} datapoints [{shown}] {how} the threshold "
        f"({THRESHOLD}) (minimum {NEEDED} datapoints for {way} transition)."
    )
    data = {
        "version": "1.0",
        "queryDate": stamp(at_s),
        "startDate": stamp(starts[0]),
        "statistic": "Minimum",
        "period": PERIOD_S,
        "recentDatapoints": values,
        "threshold": THRESHOLD,
        "evaluatedDatapoints": [{"timestamp": stamp(starts[-1]), "sampleCount": 1.0, "value": values[-1]}],
    }
    return Turn(at_s, state, reason, data)


def _short(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%d/%m/%y %H:%M:%S")
