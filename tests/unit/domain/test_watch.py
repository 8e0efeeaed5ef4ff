"""When silence is a breach: by the schedule, by what a run may take, by what is known, and never before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.change import Finding
from chalicelib.domain.run import Pause
from chalicelib.domain.runbook import Runbook
from chalicelib.domain.watch import TOLD_EVERY, Breach, forgotten, missed, overdue, success_of, too_short

NIGHT = datetime(2031, 1, 8, 3, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def book(schedule: str = "cron(0 3 * * ? *)", within: str | None = "6h", timezone: str = "UTC") -> Runbook:
    step: dict[str, Any] = {"id": "s", "uses": "ebs.create_snapshots", "with": {}}
    step |= {"within": within} if within else {}
    when = [{"schedule": schedule, "timezone": timezone}]
    guard = {"regions": ["us-east-1"], "max_targets": 1}
    return Runbook.model_validate(
        {"version": 1, "name": "nightly", "description": "d", "when": when, "guard": guard, "steps": [step]}
    )


@pytest.mark.parametrize(
    ("after", "breach"),
    [
        (timedelta(hours=1), False),
        (DAY + timedelta(hours=5, minutes=59), False),  # the next night may take six hours
        (DAY + timedelta(hours=6, minutes=1), True),
        (5 * DAY, True),
    ],
)
def test_a_firing_is_missed_when_nothing_succeeded_by_the_time_its_steps_may_take(
    after: timedelta,
    breach: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    said = missed(book(), NIGHT, NIGHT - DAY, NIGHT + after)
    assert bool(said) is breach
    assert not breach or "2031-01-09 03:00 UTC" in said


def test_what_never_ran_counts_from_when_it_was_first_watched() -> None:
    watched = NIGHT - timedelta(hours=2)
    assert missed(book(), None, watched, NIGHT + timedelta(hours=5)) == ""
    assert "it never succeeded" in missed(book(), None, watched, NIGHT + timedelta(hours=7))


def test_a_run_may_not_take_longer_than_until_the_next_firing_and_without_a_word_an_hour() -> None:
    often = book("rate(30 minutes)", within="6h")
    assert missed(often, NIGHT, NIGHT - DAY, NIGHT + timedelta(minutes=61))
    assert not missed(often, NIGHT, NIGHT - DAY, NIGHT + timedelta(minutes=59))
    assert missed(book(within=None), NIGHT, NIGHT - DAY, NIGHT + DAY + timedelta(minutes=61))


def test_what_misses_its_rpo_is_named_and_the_rest_counted() -> None:
    findings = [
        Finding(resource=f"vol-{n}", region="us-east-1", ok=n > 6, message=f"vol-{n} is too old") for n in range(10)
    ]
    said = overdue("nightly", "p", findings)
    assert said.startswith("7 of 10 that nightly protects (policy p) miss their RPO")
    assert said.count("is too old") == 5
    assert said.endswith("and 2 more")
    assert overdue("nightly", "p", findings[7:]) == ""


def test_a_pause_is_forgotten_after_a_day() -> None:
    pauses = [Pause(runbook=None, at=NIGHT, by="ana", reason="audit")]
    assert forgotten(pauses, NIGHT + timedelta(hours=23)) == {}
    assert "by ana: audit" in forgotten(pauses, NIGHT + DAY)["all"]


def test_a_breach_is_told_at_once_and_then_daily() -> None:
    breach = Breach(name="x", runbook="nightly", detail="d", since=NIGHT)
    told = breach.model_copy(update={"told_at": NIGHT})
    assert breach.due(NIGHT)
    assert not told.due(NIGHT + TOLD_EVERY - timedelta(seconds=1))
    assert told.due(NIGHT + TOLD_EVERY)


def test_a_protection_that_selects_nothing_is_overdue_in_words_of_its_own() -> None:
    nothing = Finding(
        resource="nightly.s", region="r", ok=False, code="check.nothing_selected", message="step s selects nothing"
    )
    assert overdue("nightly", "p", [nothing]) == "Nothing is protected: step s selects nothing."


def test_a_resource_that_lacks_points_in_two_regions_is_one_resource() -> None:
    findings = [
        Finding(resource=name, region=region, ok=name == "vol-2", message=f"{name} has none in {region}")
        for name in ("vol-1", "vol-2")
        for region in ("a", "b")
    ]
    assert overdue("nightly", "p", findings).startswith("1 of 2 that nightly protects")


@pytest.mark.parametrize(
    ("schedules", "rpo", "gap"),
    [
        (["cron(0 3 * * ? *)"], "24h", "1d"),
        (["cron(0 3 * * ? *)"], "25h", ""),
        (["cron(0 3 * * ? *)", "cron(0 15 * * ? *)"], "13h", ""),
        (["cron(0 3 * * ? *)", "cron(0 15 * * ? *)"], "12h", "12h"),
        (["cron(0 3 ? * MON-FRI *)"], "30h", "3d"),
        (["at(2031-02-01T00:00:00)"], "1h", ""),
        ([], "1h", ""),
        (["rate(1 hour)"], None, ""),
    ],
)
def test_an_rpo_that_the_schedules_cannot_keep_is_told(schedules: list[str], rpo: str | None, gap: str) -> None:
    found = book().model_dump(by_alias=True) | {"when": [{"schedule": one} for one in schedules]}
    if rpo:
        found["objectives"] = {"rpo": rpo}
    said = too_short(Runbook.model_validate(found), NIGHT)
    assert bool(said) is bool(gap)
    assert not gap or f"and {gap} pass between two firings" in said


def test_a_runbook_that_makes_no_points_has_no_rpo_to_keep() -> None:
    step = {"id": "s", "uses": "check.recovery_points", "with": {}}
    found = book().model_dump(by_alias=True) | {"steps": [step], "objectives": {"rpo": "1h"}}
    assert too_short(Runbook.model_validate(found), NIGHT) == ""


def test_drills_by_schedule_are_watched_apart_from_runs() -> None:
    assert (success_of("nightly", "run"), success_of("nightly", "drill")) == ("nightly", "nightly.drill")
