"""What is said of groups that are no longer as the evacuation of a zone left them."""

from __future__ import annotations

from chalicelib.actions.asg_drift import drifted
from chalicelib.actions.asg_evacuation import EvacuateZone, EvacuateZoneInput
from chalicelib.domain.change import Change
from tests.unit.actions.groups import SHOP, Groups

LEAVE = EvacuateZone()


def left(groups: Groups) -> list[Change]:
    """Let both groups leave; returns what is owed of them: first `api`, then `web`."""
    plan = LEAVE.plan(EvacuateZoneInput.model_validate({"zone": "use1-az1", "select": SHOP}), groups.ctx())
    owed = [groups.effect_of(LEAVE, change, groups.ctx()).owes[0].change for change in plan.changes]
    return [change for change in owed if change]


def test_groups_that_are_as_they_were_left_are_silent_and_read_at_once(groups: Groups) -> None:
    changes = left(groups)
    groups.control.reset_calls()
    assert drifted(changes, groups.ctx()) == ["", ""]
    reads = {row["operation"]: row["count"] for row in groups.control.calls()["by"]}
    assert reads == {"DescribeAutoScalingGroups": 1, "DescribeAvailabilityZones": 1}


def test_a_group_that_is_gone_is_silent_too(groups: Groups) -> None:
    [api, web] = left(groups)
    gone = web.model_copy(update={"params": {**web.params, "group": "nobody"}})
    assert drifted([gone, api], groups.ctx()) == ["", ""]
    assert drifted([], groups.ctx()) == []


def test_a_group_that_lost_another_subnet_is_told_not_to_return_by_itself(groups: Groups) -> None:
    [api, web] = left(groups)
    groups.put("web", VPCZoneIdentifier=groups.group()["VPCZoneIdentifier"].split(",")[0])
    [nothing, said] = drifted([api, web], groups.ctx())
    assert nothing == ""
    assert "asg:web in us-east-1, which left use1-az1, was changed since: it has lost subnet-" in said
    assert "even_if_changed" in said
