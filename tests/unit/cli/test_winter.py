"""The demo's winter: what a calendar promises, and that what is there is really held against it."""

from __future__ import annotations

import io
from datetime import date, timedelta

from rich.console import Console

from chalicelib.cli.winter import EVENING, FAILING, FIRST, Winter, kept_by_calendar
from chalicelib.sandbox.process import Sandbox


def test_the_calendar_keeps_the_last_the_days_and_the_first_of_each_week_and_month() -> None:
    first = FIRST.date()
    nights = [day for day in (first + timedelta(days=n) for n in range(40)) if day != FAILING]
    kept = kept_by_calendar(nights)
    february = {date(2031, 2, day) for day in (2, 3, 10, 17, *range(22, 29))}
    assert kept == {date(2031, 1, 20)} | february


def test_a_short_winter_keeps_its_promise_and_what_somebody_takes_away_is_noticed() -> None:
    paper = io.StringIO()
    with Sandbox.start(seed=5, start=EVENING.isoformat()) as box:
        winter = Winter(Console(file=paper, width=200), box.control, nights=2)
        winter.pass_by()
        assert winter.prove(), paper.getvalue()
        assert "28 of 28 histories" in paper.getvalue()
        ec2, theirs = box.control.witness("ec2", "us-east-1"), {"Resources": [winter.foreign]}
        ec2.create_tags(**theirs, Tags=[{"Key": "owner", "Value": "us"}])
        assert not winter.prove(), "its tags are theirs too"
        ec2.create_tags(**theirs, Tags=[{"Key": "owner", "Value": "lab"}])
        assert winter.prove()
        ec2.delete_snapshot(SnapshotId=winter.foreign)
        assert not winter.prove()
        assert "TOUCHED" in paper.getvalue()
