"""A winter of nights, and the mornings on which what is no longer wanted is deleted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.domain.report import RunRecord
from chalicelib.domain.run import RunState, StepState
from tests.pasts import AWAY, HOME, Past
from tests.scenarios.conftest import Stage, exit_code, step

FIRST_NIGHT = datetime(2031, 1, 20, 2, 0, tzinfo=UTC)
FAILED = datetime(2031, 2, 1, 2, 0, tzinfo=UTC)
NIGHTS = 24  # the last one is that of 12 February
# last 3 and daily 7: 6 to 12 February; weekly: the Mondays 20 and 27 January, 3 and 10 February; monthly: the first
# point that exists of January, and of February, whose 1st failed.
PROMISED = {"2031-01-20", "2031-01-27", "2031-02-02", "2031-02-03", *(f"2031-02-{day:02}" for day in range(6, 13))}


@pytest.fixture(name="past")
def _past(stage: Stage) -> Past:
    """Let three and a half weeks pass; the night of 1 February failed."""
    witnesses: dict[str, Any] = {}

    def truth(region: str) -> Any:
        if region not in witnesses:
            witnesses[region] = stage.control.witness("ec2", region)
        return witnesses[region]

    past = Past(stage.control, truth)
    names = stage.estate["protected"]
    stage.control.advance(to=FIRST_NIGHT)
    for night in range(NIGHTS):
        if FIRST_NIGHT + timedelta(days=night) == FAILED:
            stage.control.advance(86_400)
        else:
            past.night(names[:2], names[2:3])
    return past


def expire(stage: Stage, key: str, share: str = "100%", **step_changes: Any) -> RunRecord:
    shipped = stage.book("nightly-retention").model_dump(mode="json", by_alias=True)
    steps = [{**shipped["steps"][0], **step_changes}]
    return stage.run(stage.book("nightly-retention", guard={**shipped["guard"], "max_share": share}, steps=steps), key)


def whole(past: Past) -> bool:
    """Return True when of every set that there is all members are there."""
    sizes: dict[tuple[str, str], list[int]] = {}
    for region in (HOME, AWAY):
        for own in past.there(region).values():
            sizes.setdefault((region, own["lifeboat:set"]), []).append(int(own["lifeboat:set-size"]))
    return all(len(some) == some[0] for some in sizes.values())


def test_what_is_kept_is_what_was_promised_and_nothing_foreign_is_touched(stage: Stage, past: Past) -> None:
    volume = stage.estate["protected"][0]
    by_hand = Past(stage.control, past.truth, policy="manual")
    by_hand.point([volume], FIRST_NIGHT)
    foreign = past.truth(HOME).create_snapshot(VolumeId=volume)["SnapshotId"]
    found = expire(stage, "k1")
    assert exit_code(found) == 0
    assert (past.days(HOME), past.days(AWAY)) == (PROMISED, PROMISED)
    assert whole(past)
    assert len(by_hand.there()) == 1
    assert past.truth(HOME).describe_snapshots(SnapshotIds=[foreign])["Snapshots"]
    assert step(found, "retention").outputs["deleted"] == 2 * 3 * (NIGHTS - 1 - len(PROMISED))
    before = {*past.there(HOME), *past.there(AWAY)}
    assert expire(stage, "k2").state is RunState.SUCCEEDED
    assert {*past.there(HOME), *past.there(AWAY)} == before, "the second time there is nothing to do"


def test_above_the_share_the_oldest_sets_go_and_the_next_mornings_finish_it(stage: Stage, past: Past) -> None:
    population = len(past.there(HOME)) + len(past.there(AWAY))
    days = sorted(past.days())
    found = expire(stage, "k1", share="20%")
    gone = population - len(past.there(HOME)) - len(past.there(AWAY))
    said = step(found, "retention")
    assert 0 < gone <= population * 0.2
    assert whole(past)
    assert "held back" in " ".join(said.notes)
    left = sorted(set(days) - past.days())
    assert left == sorted(set(days) - PROMISED)[: len(left)], "the oldest first"
    for morning in range(2, 6):
        expire(stage, f"k{morning}", share="20%")
    assert past.days() == PROMISED


def test_in_bad_weather_the_same_is_kept(stage: Stage, past: Past) -> None:
    stage.control.weather(throttle_share=0.3, lost_answer_share=0.2)
    assert exit_code(expire(stage, "k1")) == 0
    assert (past.days(HOME), past.days(AWAY)) == (PROMISED, PROMISED)
    assert stage.control.faults().get("answer_lost"), "answers were lost"


def test_what_aws_refuses_to_delete_is_told_by_name_and_the_rest_goes(stage: Stage, past: Past) -> None:
    oldest = [one for one, own in past.there(HOME).items() if own["lifeboat:point"].startswith("2031-01-21")]
    stage.control.weather(refuse_writes=True)
    found = expire(stage, "k1")
    said = step(found, "retention")
    assert exit_code(found) == 1
    assert said.state is StepState.FAILED
    assert set(oldest) <= {failure.resource for failure in said.failures}
    assert {failure.code for failure in said.failures} == {"action.denied"}
    assert len(past.days()) == NIGHTS - 1


def test_a_backup_after_retention_is_complete_and_one_day_more(stage: Stage, past: Past) -> None:
    assert exit_code(expire(stage, "k1")) == 0
    assert exit_code(stage.run(stage.book(), "night")) == 0
    assert len(past.days(HOME) - PROMISED) == len(past.days(AWAY) - PROMISED) == 1


def test_a_point_made_by_hand_carries_its_expiry_also_to_its_copy_and_is_no_generation(stage: Stage) -> None:
    volume = stage.estate["protected"][0]
    make = {"select": {"volumes": [volume]}, "policy": "manual", "expires": "10d"}
    copy = {"snapshots": "${{ steps.snapshots.snapshots }}", "to_region": AWAY, "kms_key": "alias/recovery"}
    steps = [
        {"id": "snapshots", "uses": "ebs.create_snapshots", "with": make},
        {"id": "copies", "uses": "ebs.copy_snapshots", "with": copy},
    ]
    for key in ("one", "two"):
        stage.run(stage.book(steps=steps, verify=[]), key)
        stage.control.advance(86_400)
    keep = {"select": {"policy": "manual"}, "regions": [HOME, AWAY], "keep": {"last": 1}}
    expire_manual = [{"id": "retention", "uses": "ebs.expire_snapshots", "with": keep}]
    guard = {"regions": [HOME, AWAY], "max_targets": 9, "max_share": "100%"}
    book = stage.book("nightly-retention", steps=expire_manual, guard=guard)
    early = step(stage.run(book, "early"), "retention")
    assert early.counts.planned == 0
    assert sum("kept by hand until" in note for note in early.notes) == 4
    stage.control.advance(20 * 86_400)
    late = step(stage.run(book, "late"), "retention")
    assert late.counts.done == 2  # the newest good point, and the newest copy, stay whatever was said
