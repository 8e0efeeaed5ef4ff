"""Who is left alone for where it is, on the sandbox's groups, and what that costs."""

from __future__ import annotations

import pytest

from chalicelib.actions.asg_rotation import ReplaceUnhealthy, ReplaceUnhealthyInput
from chalicelib.aws.groups import by_name
from chalicelib.domain.change import Plan
from chalicelib.errors import ActionError, ErrorKind
from tests.unit.actions.groups import SHOP, Groups
from tests.unit.actions.world import HOME

ROTATE = ReplaceUnhealthy()
ENROLLED = {"ZonalShiftEnabled": True, "ImpairedZoneHealthCheckBehavior": "IgnoreUnhealthy"}


def planned(groups: Groups) -> Plan:
    return ROTATE.plan(ReplaceUnhealthyInput.model_validate({"select": SHOP}), groups.ctx())


def listings(groups: Groups) -> int:
    return sum(row["count"] for row in groups.control.calls()["by"] if row["operation"] == "ListManagedResources")


def zone_of(groups: Groups, instance: str) -> str:
    return next(str(one["AvailabilityZoneId"]) for one in groups.group()["Instances"] if one["InstanceId"] == instance)


def test_shifts_are_listed_only_when_an_enrolled_group_has_somebody_unwell(groups: Groups) -> None:
    groups.put("api", AvailabilityZoneImpairmentPolicy=ENROLLED)
    assert planned(groups).changes == ()
    groups.sick(groups.members("web")[0])
    assert len(planned(groups).changes) == 1
    assert listings(groups) == 0
    groups.sick(groups.members("api")[0])
    assert len(planned(groups).changes) == 1
    assert listings(groups) == 1


def test_a_shift_is_seen_while_it_lasts(groups: Groups) -> None:
    groups.put("web", AvailabilityZoneImpairmentPolicy=ENROLLED)
    bad = groups.members()[0]
    groups.sick(bad)
    assert planned(groups).changes
    zone = zone_of(groups, bad)
    arc = groups.truth(HOME, "arc-zonal-shift")
    arn = by_name(groups.ctx().aws, HOME, ["web"])["web"].arn
    shift = arc.start_zonal_shift(resourceIdentifier=arn, awayFrom=zone, expiresIn="1h", comment="practice")
    plan = planned(groups)
    assert plan.changes == ()
    assert f"since the group is shifted away from {zone}, and set to IgnoreUnhealthy there: {bad}." in plan.notes[0]
    arc.cancel_zonal_shift(zonalShiftId=shift["zonalShiftId"])
    assert planned(groups).changes


def test_a_zone_that_is_taken_out_after_the_last_reading_stops_the_termination(groups: Groups) -> None:
    bad = groups.members()[0]
    groups.sick(bad)
    [change] = planned(groups).changes
    review = ROTATE.review([change], {}, groups.ctx())[change.key]
    assert review.params is not None
    ready = change.model_copy(update={"params": dict(review.params)})
    key = f"lifeboat:evacuated.{zone_of(groups, bad)}.0"
    tag = {"ResourceId": "web", "ResourceType": "auto-scaling-group", "Key": key, "Value": "subnet-1"}
    groups.scaling.create_or_update_tags(Tags=[{**tag, "PropagateAtLaunch": False}])
    with pytest.raises(ActionError, match="was taken out of the group") as caught:
        ROTATE.apply(ready, {}, groups.ctx())
    assert caught.value.kind is ErrorKind.BUSY
    after = ROTATE.review([change], {}, groups.ctx())[change.key]
    assert (after.state, bad in groups.ids()) == ("moot", True)
