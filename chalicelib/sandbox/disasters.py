"""The disasters that can be asked for: `POST /lifeboat/disaster {"kind": ...}`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chalicelib.sandbox import news
from chalicelib.sandbox.alarms import changing
from chalicelib.sandbox.rds import outages
from chalicelib.sandbox.weather.clock import iso
from chalicelib.sandbox.weather.darkness import Dark
from chalicelib.sandbox.weather.sky import Sky

Json = dict[str, Any]
HOME = "us-east-1"


def strike(sky: Sky, given: Json) -> Json:
    """Let a disaster strike, or heal one.

    Args:
        sky: Over whom.
        given: `kind`, and what that kind takes.

    Returns:
        What happened, JSON-safe.

    Raises:
        ValueError: the kind, or what it was given, is unknown.
        KeyError: something that it needs is missing.
    """
    wanted = dict(given)
    kind = wanted.pop("kind")
    if kind not in KINDS:
        raise ValueError(f"no disaster '{kind}': there are {', '.join(sorted(KINDS))}")
    return KINDS[kind](sky, wanted)


def az_dark(sky: Sky, given: Json) -> Json:
    """Make a zone dark: `zone` (name or ID), `region`.

    `health_after_s` (900; null: never) says when AWS Health speaks of it, in `health_pages` (1); `autoshift` (false)
    whether AWS shifts traffic away by itself.
    """
    region, zone = str(given.pop("region", HOME)), str(given.pop("zone"))
    after_s, pages = given.pop("health_after_s", 900.0), int(given.pop("health_pages", 1))
    shifted = bool(given.pop("autoshift", False))
    _nothing_left(given)
    was = sky.darkness.over(region, zone)
    dark = sky.darkness.fall(region, zone)
    if was is None:
        changing.darkness_fell(sky, dark)
        if after_s is not None:
            news.health(sky, dark, float(after_s), pages=pages)
        if shifted:
            news.autoshift(sky, dark, begins=True)
    return _told(dark)


def heal(sky: Sky, given: Json) -> Json:
    """End the darkness of a `zone` of a `region`, or of all zones; AWS Health says so 10 minutes later."""
    region, zone = str(given.pop("region", HOME)), given.pop("zone", None)
    _nothing_left(given)
    known = sky.darkness.over(region, str(zone)) if zone else None
    if zone:
        sky.darkness.known(region, str(zone))
    healed = [known] if known else [] if zone else list(sky.darkness.zones.values())
    for dark in healed:
        sky.darkness.lift(dark.region, dark.zone_name)
        changing.darkness_lifted(sky, dark)
        news.health(sky, dark, 600.0, status="closed")
        news.autoshift(sky, dark, begins=False)
    return {"healed": [_told(dark) for dark in healed]}


def flapping_alarm(sky: Sky, given: Json) -> Json:
    """Let the alarm `name` flap: `times` (20) within `within_s` (600) seconds."""
    region, name = str(given.pop("region", HOME)), str(given.pop("name"))
    times, within_s = int(given.pop("times", 20)), float(given.pop("within_s", 600.0))
    _nothing_left(given)
    changing.flap(sky, region, name, times, within_s)
    return {"name": name, "times": times, "within_s": within_s}


def alarm(sky: Sky, given: Json) -> Json:
    """Put the alarm `name` into a `state` now, as `SetAlarmState` would, with datapoints that fit."""
    region, name, state = str(given.pop("region", HOME)), str(given.pop("name")), str(given.pop("state", "ALARM"))
    _nothing_left(given)
    changing.set_state(sky, region, name, state)
    return {"name": name, "state": state}


def database_lost(sky: Sky, given: Json) -> Json:
    """Lose the host of the primary of a DB instance or cluster: `name`, `region`."""
    region, name = str(given.pop("region", HOME)), str(given.pop("name"))
    _nothing_left(given)
    outages.lose_primary(sky, region, name)
    return {"name": name, "region": region}


def _told(dark: Dark) -> Json:
    since = iso(dark.since_s, timespec="seconds")
    return {"region": dark.region, "zone": dark.zone_name, "zone_id": dark.zone_id, "since": since}


def _nothing_left(given: Json) -> None:
    if given:
        raise ValueError(f"not known here: {', '.join(sorted(given))}")


KINDS: dict[str, Callable[[Sky, Json], Json]] = {
    "az_dark": az_dark,
    "database_lost": database_lost,
    "heal": heal,
    "flapping_alarm": flapping_alarm,
    "alarm": alarm,
}
