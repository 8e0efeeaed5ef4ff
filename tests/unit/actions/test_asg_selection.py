"""Which groups are meant, and how their instances are found to be."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from chalicelib.actions.asg_health import read_health
from chalicelib.actions.asg_selection import GroupSelector, selected
from chalicelib.aws.groups import groups as groups_in
from chalicelib.errors import InputError
from tests.unit.actions.groups import SHOP, Groups
from tests.unit.actions.world import HOME


def found(world: Groups, **wanted: Any) -> Any:
    return selected(world.aws, HOME, GroupSelector.model_validate(wanted))


def test_groups_are_selected_by_tag_and_name(groups: Groups) -> None:
    assert [one.name for one in found(groups, **SHOP).groups] == ["api", "web"]
    assert [one.name for one in found(groups, tags={"tier": ["web", "worker"]}).groups] == ["web"]
    some = found(groups, groups=["web", "none"])
    assert [one.name for one in some.groups] == ["web"]
    assert [(one.resource, one.code) for one in some.failures] == [("asg:none", "action.resource_missing")]
    web = some.groups[0]
    assert (web.minimum, web.maximum, web.desired, len(web.serving), len(web.subnets)) == (6, 16, 12, 12, 3)
    assert {member.zone_id for member in web.members} == {"use1-az1", "use1-az2", "use1-az6"}


def test_nothing_selected_is_an_error_that_says_what_to_do(groups: Groups) -> None:
    with pytest.raises(InputError, match="Tag the groups") as nothing:
        found(groups, tags={"app": "lab"})
    assert nothing.value.code == "action.nothing_selected"


@pytest.mark.parametrize("wanted", [{}, {"tags": {"app": "*"}}, {"tags": {"": "x"}}, {"tags": {"app": []}}])
def test_a_selector_that_means_everything_is_refused(wanted: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        GroupSelector.model_validate(wanted)


def test_a_selector_reads_as_people_write() -> None:
    wanted = GroupSelector.model_validate({"tags": {"app": ["a", "b"]}, "groups": [f"g{n}" for n in range(12)]})
    assert str(wanted).startswith("tag app=a|b and groups g0, g1")
    assert str(wanted).endswith("and 2 more")


def test_what_is_hands_off_is_left_out_and_said(groups: Groups) -> None:
    tag = {"ResourceId": "web", "ResourceType": "auto-scaling-group", "Key": "lifeboat:hands-off"}
    groups.scaling.create_or_update_tags(Tags=[{**tag, "Value": "", "PropagateAtLaunch": False}])
    some = found(groups, **SHOP)
    assert [one.name for one in some.groups] == ["api"]
    assert some.notes == ["Left out, tagged lifeboat:hands-off: web."]


def test_each_source_of_health_is_asked(groups: Groups) -> None:
    one, two, three = groups.members()[:3]
    groups.suspend("web", "ReplaceUnhealthy")
    groups.scaling.set_instance_health(InstanceId=one, HealthStatus="Unhealthy", ShouldRespectGracePeriod=False)
    groups.sick(two)
    arn = groups.estate["front"]["target_groups"]["shop-web"]
    groups.truth(HOME, "elbv2").deregister_targets(TargetGroupArn=arn, Targets=[{"Id": three}])
    health = read_health(groups.aws, HOME, groups_in(groups.aws, HOME, names=["web"]), groups.clock.now())
    assert health.unwell[one] == "its group says that it is Unhealthy"
    assert "EC2's instance-status is impaired" in health.unwell[two]
    assert "target group shop-web says unhealthy (Target.ResponseCodeMismatch)" in health.unwell[two]
    assert (set(health.unwell), health.unready) == ({one, two}, {three})
