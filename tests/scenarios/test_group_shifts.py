"""replace-unhealthy beside a zonal shift or an evacuation: what is unwell in the zone that was left stays as it is."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from chalicelib.domain.run import RunState
from tests.scenarios import test_groups
from tests.scenarios.conftest import Stage, step
from tests.scenarios.test_groups import LEAVE, NOBODY_NOTICES, Shop, outputs

ZONE = "use1-az1"
_prepared, _shop = test_groups._prepared, test_groups._shop


def book(stage: Stage) -> Any:
    shipped = stage.book("replace-unhealthy")
    return stage.book("replace-unhealthy", guard={**shipped.guard.model_dump(), "max_share": "100%"})


def there(shop: Shop) -> list[str]:
    return [one["InstanceId"] for one in shop.group()["Instances"] if one["AvailabilityZoneId"] == ZONE]


def enrolled(shop: Shop, behavior: str) -> None:
    policy = {"ZonalShiftEnabled": True, "ImpairedZoneHealthCheckBehavior": behavior}
    shop.scaling.update_auto_scaling_group(AutoScalingGroupName="web", AvailabilityZoneImpairmentPolicy=policy)


def shift(shop: Shop, resource: str) -> str:
    arc = shop.stage.control.witness("arc-zonal-shift")
    asked = {"resourceIdentifier": resource, "awayFrom": ZONE, "expiresIn": "4h", "comment": "ana"}
    return str(arc.start_zonal_shift(**asked)["zonalShiftId"])


@pytest.mark.parametrize(("behavior", "replaced"), [("IgnoreUnhealthy", 0), ("ReplaceUnhealthy", 1)])
def test_a_group_that_is_shifted_away_from_a_zone_is_treated_there_as_it_says(
    stage: Stage, shop: Shop, behavior: str, replaced: int
) -> None:
    enrolled(shop, behavior)
    bad, other = there(shop)[0], next(one for one in shop.first if one not in there(shop))
    shift(shop, shop.group()["AutoScalingGroupARN"])
    shop.sick(bad, other, scaling=NOBODY_NOTICES)
    found = stage.run(book(stage))
    assert found.state is RunState.SUCCEEDED
    assert sorted(outputs(found, "rotate")["replaced"]) == sorted([other, *[bad] * replaced])
    notes = " ".join(step(found, "rotate").notes)
    assert (f"shifted away from {ZONE}" in notes and bad in notes) is not bool(replaced)
    new = [one for one in shop.group()["Instances"] if one["InstanceId"] not in shop.first]
    assert Counter(one["AvailabilityZoneId"] == ZONE for one in new) == {False: 1 + replaced}
    assert (shop.calls("ListManagedResources"), len(shop.serving())) == (2 + 2 * replaced, 12)


def test_what_is_left_in_a_zone_that_was_evacuated_is_left_to_the_evacuation(stage: Stage, shop: Shop) -> None:
    shop.scaling.suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["ReplaceUnhealthy"])
    leaving = stage.start(stage.book("replace-unhealthy", steps=LEAVE), "k0")
    stage.services.engine.advance(leaving.run_id, 1)
    left = there(shop)
    assert left  # its rebalancing has not brought them over yet
    shop.sick(*left, scaling=NOBODY_NOTICES)
    found = stage.run(book(stage), "k2")
    assert (found.state, outputs(found, "rotate")["replaced"]) == (RunState.SUCCEEDED, [])
    assert f"{ZONE} was taken out of the group" in " ".join(step(found, "rotate").notes)
    assert shop.calls("TerminateInstanceInAutoScalingGroup") == shop.calls("ListManagedResources") == 0


def test_what_gets_no_traffic_since_its_load_balancer_is_shifted_is_left_alone(stage: Stage, shop: Shop) -> None:
    bad = there(shop)[0]
    ended = shift(shop, stage.estate["front"]["load_balancer"])
    shop.sick(bad, scaling=NOBODY_NOTICES)
    found = stage.run(book(stage))
    assert (found.state, outputs(found, "rotate")["replaced"]) == (RunState.SUCCEEDED, [])
    assert f"its load balancer is shifted away from {ZONE}" in " ".join(step(found, "rotate").notes)
    stage.control.witness("arc-zonal-shift").cancel_zonal_shift(zonalShiftId=ended)
    again = stage.run(book(stage), "k2")
    assert outputs(again, "rotate")["replaced"] == [bad]


def test_a_shift_that_begins_between_plan_and_termination_is_seen(stage: Stage, shop: Shop) -> None:
    enrolled(shop, "IgnoreUnhealthy")
    shop.scaling.update_auto_scaling_group(AutoScalingGroupName="web", MinSize=12)  # it must grow first, and go back
    bad = there(shop)[0]
    shop.sick(bad, scaling=NOBODY_NOTICES)
    run, shifts = stage.start(book(stage)), list[str]()

    def begins() -> None:
        if shop.group()["DesiredCapacity"] > len(shop.first) and not shifts:
            shifts.append(shift(shop, shop.group()["AutoScalingGroupARN"]))

    found = stage.drive(run, begins)
    assert (found.state, outputs(found, "rotate")["left_alone"]) == (RunState.SUCCEEDED, [bad])
    stage.control.advance(600)
    assert (bad in shop.serving(), shop.group()["DesiredCapacity"]) == (True, 12)
    assert shop.calls("TerminateInstanceInAutoScalingGroup") == 0
