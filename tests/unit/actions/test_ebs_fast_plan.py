"""For which points fast snapshot restore is turned on and off, and in which order."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from chalicelib.actions.ebs_fast_given import KeepFastInput
from chalicelib.actions.ebs_fast_restore import KeepFastRestore
from chalicelib.actions.ebs_snapshots import CreateSnapshots, CreateSnapshotsInput
from chalicelib.domain.change import ChangeKind, Effect, Plan
from chalicelib.settings import Limits
from tests.unit.actions.world import HOME, World, items_from

CREATE, KEEP = CreateSnapshots(), KeepFastRestore()
ZONE, OTHER = "use1-az1", "use1-az2"


class Nights:
    """Volumes of 2 TiB, and points of them."""

    def __init__(self, world: World, count: int, size: int = 2048) -> None:
        self.world = world
        asked = {"AvailabilityZone": "us-east-1a", "Size": size, "VolumeType": "gp3"}
        made = [world.truth().create_volume(**asked)["VolumeId"] for _ in range(count)]
        self.volumes = sorted(made)  # the order in which they are served
        world.control.settle()

    def night(self) -> list[str]:
        """Return a new point of each volume, a set each."""
        ctx = self.world.ctx(run_id=f"night-{self.world.control.now()}")
        given = CreateSnapshotsInput.model_validate({"select": {"volumes": self.volumes}, "policy": "nightly"})
        plan = CREATE.plan(given, ctx)
        items = items_from(plan, self.world.carried_out(CREATE, plan, ctx))
        self.world.control.settle()
        made = {item["volume_id"]: str(item["snapshot_id"]) for item in items}
        return [made[volume] for volume in self.volumes]

    def plan(self, **more: Any) -> Plan:
        """Return the plan of a step for all of them."""
        asked = {"select": {"volumes": self.volumes}, "policy": "nightly", "zones": [ZONE], "initialised_within": "15m"}
        limits = Limits(fast_restores=more.pop("quota", 5))
        given = KeepFastInput.model_validate({**asked, **more})
        return KEEP.plan(given, self.world.ctx(step_id="fast", limits=limits, now=self.world.control.now()))

    def keep(self, **more: Any) -> dict[str, Effect]:
        """Carry a step out, and let AWS finish."""
        done = self.world.carried_out(KEEP, self.plan(**more), self.world.ctx(step_id="fast"))
        self.world.control.advance(6 * 3600)
        return done

    def pairs(self) -> set[str]:
        shown = self.world.truth().describe_fast_snapshot_restores()["FastSnapshotRestores"]
        return {one["SnapshotId"] for one in shown if one["State"] in {"enabling", "optimizing", "enabled"}}


def keys(plan: Plan) -> list[str]:
    return [change.key for change in plan.changes]


def test_what_is_still_on_for_a_volume_that_is_no_longer_selected_is_told(world: World) -> None:
    nights = Nights(world, 2)
    [_, lost] = nights.night()
    nights.keep()
    nights.volumes.pop()
    plan = nights.plan()
    assert plan.changes == ()
    assert f"{lost} is still on in {ZONE}" in " ".join(plan.notes)


@pytest.mark.parametrize("given", [{}, {"which": "selected", "initialised_within": "1h"}, {"which": "needed"}])
def test_whether_all_that_is_selected_gets_it_must_be_said(given: dict[str, Any]) -> None:
    asked = {"select": {"tags": {"a": "b"}}, "policy": "nightly", "zones": [ZONE]}
    with pytest.raises(ValidationError, match="which: selected"):
        KeepFastInput.model_validate({**asked, **given})
    with pytest.raises(ValidationError, match="zones"):
        KeepFastInput.model_validate({**asked, "zones": [], "which": "selected"})


def test_only_what_a_rate_cannot_read_in_gets_it_unless_all_are_meant(world: World) -> None:
    nights = Nights(world, 1)
    [point] = nights.night()
    plan = nights.plan()
    assert keys(plan) == [f"on.{point}.{ZONE}"]
    assert [(c.kind, c.targets) for c in plan.changes] == [(ChangeKind.MODIFY, (nights.volumes[0],))]
    assert "1 pairs are 24 hours a day" in " ".join(plan.notes)
    assert "the first one 2h after it is enabled" in " ".join(plan.notes)
    assert nights.plan(initialised_within="6h").changes == ()
    every = nights.plan(initialised_within=None, which="selected", zones=["us-east-1b", OTHER])
    assert keys(every) == [f"on.{point}.{ZONE}", f"on.{point}.{OTHER}"]


def test_what_is_on_is_not_turned_on_again_and_what_is_needed_no_longer_goes(world: World) -> None:
    nights = Nights(world, 1)
    [point] = nights.night()
    nights.keep()
    assert nights.plan().changes == ()
    assert keys(nights.plan(initialised_within="6h")) == [f"off.{point}.{ZONE}"]
    elsewhere = nights.plan(zones=[OTHER])
    assert keys(elsewhere) == [f"on.{point}.{OTHER}"]
    assert f"still on in {ZONE}" not in " ".join(elsewhere.notes)  # it is the newest point, and needed
    [newer] = nights.night()
    elsewhere = nights.plan(zones=[OTHER])
    assert keys(elsewhere) == [f"on.{newer}.{OTHER}"]
    assert f"still on in {ZONE}" in " ".join(elsewhere.notes)


def test_the_older_point_goes_only_after_the_newer_is_fast(world: World) -> None:
    nights = Nights(world, 1)
    [old] = nights.night()
    nights.keep()
    [new] = nights.night()
    plan = nights.plan()
    assert [(c.key, c.after) for c in plan.changes] == [
        (f"on.{new}.{ZONE}", ()),
        (f"fast.{new}.{ZONE}", (f"fast/on.{new}.{ZONE}",)),
        (f"off.{old}.{ZONE}", (f"fast/fast.{new}.{ZONE}",)),
    ]
    world.truth().enable_fast_snapshot_restores(AvailabilityZones=["us-east-1b"], SourceSnapshotIds=[new])
    assert keys(nights.plan()) == [f"fast.{new}.{ZONE}", f"off.{old}.{ZONE}"]  # somebody has begun it: waited for
    world.control.advance(6 * 3600)
    assert [(c.key, c.after) for c in nights.plan().changes] == [(f"off.{old}.{ZONE}", ())]


def test_with_room_for_one_more_volumes_change_over_one_after_the_other(world: World) -> None:
    nights = Nights(world, 2)
    [old, _] = nights.night()
    nights.keep()
    [first, second] = nights.night()
    after = {change.key: change.after for change in nights.plan(quota=3).changes}
    assert after[f"on.{first}.{ZONE}"] == ()
    assert after[f"on.{second}.{ZONE}"] == (f"fast/off.{old}.{ZONE}",)
    full = nights.plan(quota=2)
    assert [one.code for one in full.failures] == ["action.quota_full"] * 2
    assert full.changes == ()


def test_what_is_too_large_or_has_no_point_is_named(world: World) -> None:
    nights = Nights(world, 1, size=17 * 1024)
    nights.night()
    nights.volumes.append(world.estate["names"]["archive"])
    plan = nights.plan()
    assert sorted(one.code for one in plan.failures) == ["action.no_point", "action.point_too_large"]
    assert plan.changes == ()


def test_the_calls_by_hand_are_those_that_are_made(world: World) -> None:
    nights = Nights(world, 1)
    [point] = nights.night()
    [change] = nights.plan().changes
    called = KEEP.calls_for(change, world.ctx(step_id="fast"))
    assert [call.operation for call in called] == ["CreateTags", "EnableFastSnapshotRestores"]
    assert called[1].params == {"AvailabilityZones": ["us-east-1b"], "SourceSnapshotIds": [point]}
    assert {call.region for call in called} == {HOME}
