"""How groups are read: what AWS tells, in our words. That they are read in pages and by filter shows on the sandbox."""

from __future__ import annotations

from chalicelib.aws.groups import Member, ScalingGroup, tag_of


def test_a_group_knows_who_serves() -> None:
    serving = Member("i-1", "use1-az1", "InService", healthy=True)
    members = (serving, Member("i-2", "use1-az1", "Standby", healthy=True))
    group = ScalingGroup("web", "us-east-1", 1, 3, 2, members=members)
    assert (group.resource, group.serving, group.member("i-1"), group.member("i-3")) == (
        "asg:web",
        (serving,),
        serving,
        None,
    )


def test_a_tag_of_a_group_is_not_told_to_its_instances() -> None:
    tag = {"ResourceId": "web", "ResourceType": "auto-scaling-group", "Key": "k", "PropagateAtLaunch": False}
    assert tag_of("web", "k", "v") == {**tag, "Value": "v"}
    assert tag_of("web", "k") == tag
