"""zones.assess on an estate with a dark zone: found, asked or refused, and what is checked before anything moves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.actions.base import DrillSite, StepContext
from chalicelib.actions.zones import Assess, AssessGiven, AssessMade
from chalicelib.actions.zones_fit import STANDARD, vcpus
from chalicelib.domain.change import Plan
from chalicelib.domain.run import RunCause
from chalicelib.errors import ActionError, InputError
from tests.unit.actions.world import World, in_doubt

SHOP = {"select": {"tags": {"app": "shop"}}}
ACTION = Assess()


@pytest.fixture(name="zones")
def _zones(world: World) -> dict[str, str]:
    """The IDs of the three zones of the estate, by name, with the front before it."""
    front: dict[str, Any] = world.control.estate("front")
    found: dict[str, str] = front["zone_ids"]
    return found


def darken(world: World, zone: str, seconds: float = 300) -> None:
    world.control.disaster("az_dark", zone=zone, health_after_s=None)
    world.clock.sleep(seconds)


def plan(world: World, given: dict[str, Any] | None = None, **more: Any) -> Plan:
    return ACTION.plan(AssessGiven.model_validate({**SHOP, **(given or {})}), world.ctx(**more))


def outputs(made: Plan, ctx: StepContext) -> dict[str, Any]:
    given = AssessGiven.model_validate(SHOP)
    found = ACTION.outputs(given, [(c, ACTION.apply(c, {}, ctx)) for c in made.changes], ctx)
    AssessMade.model_validate(found)
    return found


def zone_of(world: World, zones: dict[str, str], name: str = "web-1") -> str:
    return zones[
        world.truth().describe_instances(InstanceIds=[world.estate["names"][name]])["Reservations"][0]["Instances"][0][
            "Placement"
        ]["AvailabilityZone"]
    ]


def test_a_dark_zone_is_found_and_the_others_are_ranked(world: World, zones: dict[str, str]) -> None:
    bad = zone_of(world, zones)
    darken(world, bad)
    made = plan(world)
    assert made.ask is None
    found = outputs(made, world.ctx())
    assert found["impaired"] == bad
    assert bad not in found["healthy"]
    assert {"alarms", "targets", "instances", "volumes"} <= {line.split(": ")[1] for line in found["evidence"]}
    [change] = made.changes
    assert change.targets == (f"us-east-1/{bad}",)
    assert any("capacity in a healthy zone is unknown" in note for note in made.notes)


def test_when_all_is_well_nothing_is_moved(world: World, zones: dict[str, str]) -> None:
    assert zones
    with pytest.raises(InputError) as caught:
        plan(world)
    assert caught.value.code == "zones.none_impaired"


def test_two_dark_zones_are_a_question_and_the_answer_is_the_zone(world: World, zones: dict[str, str]) -> None:
    first, second = zone_of(world, zones), zone_of(world, zones, "web-2")
    darken(world, first, 0)
    darken(world, second)
    asked = plan(world)
    assert asked.ask is not None
    assert set(asked.ask.choices) == {first, second}
    assert asked.changes == ()
    assert outputs(asked, world.ctx())["impaired"] == ""
    answered = plan(world, answer=second)
    assert (answered.ask, outputs(answered, world.ctx())["impaired"]) == (None, second)
    assert first not in outputs(answered, world.ctx())["healthy"]


def test_an_alarm_alone_is_a_question(world: World, zones: dict[str, str]) -> None:
    zone = zone_of(world, zones)
    world.control.disaster("alarm", name=f"az-{zone}-impaired")
    made = plan(world)
    assert made.ask is not None
    assert made.ask.choices == (zone,)
    assert "both ways" in made.ask.reason


def test_a_zone_that_a_person_names_is_taken_by_name_or_id(world: World, zones: dict[str, str]) -> None:
    name, zone = next(iter(zones.items()))
    for named in (name, zone):
        assert outputs(plan(world, {"zone": named}), world.ctx())["impaired"] == zone
    with pytest.raises(InputError, match="There is no zone 'use9-az9'"):
        plan(world, {"zone": "use9-az9"})


def test_health_and_autoshift_that_set_the_run_off_are_evidence(world: World, zones: dict[str, str]) -> None:
    name, zone = next(iter(zones.items()))

    def cause(**about: Any) -> RunCause:
        return RunCause(kind="event", key="k", occurred_at=world.clock.now(), summary="x", about=about)

    told = (cause(health=True, zone=name, service="EC2"), cause(autoshift=True, away_from=zone))
    made = plan(world, causes=told)
    assert any(line.startswith(f"{zone}: health: against") for line in made.notes)
    assert any(line.startswith(f"{zone}: autoshift: against") for line in made.notes)
    worded = (cause(health=True, zones_told=[zone, "use9-az9"]), told[1])
    assert any(line.startswith(f"{zone}: health: against") for line in plan(world, causes=worded).notes)
    closed = (cause(health=True, zone=name, status="closed"), cause(autoshift=False, away_from=zone), cause())
    with pytest.raises(InputError, match="Nothing speaks against"):
        plan(world, causes=closed)


def test_an_autoshift_under_way_is_seen_without_being_told(world: World, zones: dict[str, str]) -> None:
    zone = zone_of(world, zones)
    world.control.disaster("az_dark", zone=zone, health_after_s=None, autoshift=True)
    world.clock.sleep(30)
    assert any(line.startswith(f"{zone}: autoshift: against") for line in plan(world).notes)


def test_an_alarm_that_set_it_off_and_went_back_speaks_for_its_zone(world: World, zones: dict[str, str]) -> None:
    bad = zone_of(world, zones)
    darken(world, bad)
    other = zone_of(world, zones, "web-2")
    about: dict[str, Any] = {"alarm": "any-az-impaired", "triggers": [f"az-{other}-impaired", 5]}
    cause = RunCause(kind="alarm", key="k", occurred_at=world.clock.now(), summary="x", about=about)
    assert f"{other}: alarms: for: az-{other}-impaired is OK" in plan(world, causes=(cause,)).notes


def test_a_drill_takes_a_zone_where_nothing_is_wrong_and_leases_nothing_real(
    world: World, zones: dict[str, str]
) -> None:
    site = DrillSite("subnet-1", "sg-1", "profile")
    made = plan(world, drill=site)
    [change] = made.changes
    assert change.resource == zone_of(world, zones)  # three of five machines
    assert change.targets == (f"drill/us-east-1/{change.resource}",)


def test_nothing_selected_is_an_error_and_ids_are_selected_too(world: World, zones: dict[str, str]) -> None:
    darken(world, zone_of(world, zones))
    with pytest.raises(InputError, match="neither an instance nor a target"):
        plan(world, {"select": {"tags": {"app": "nothing"}}})
    for ids in (["web-1"], ["web-1", "shop-web"]):
        named = [world.estate["names"].get(name, name) for name in ids]
        assert plan(world, {"select": {"ids": named}}).notes
    with pytest.raises(InputError, match="There is no shop-none"):
        plan(world, {"select": {"ids": ["shop-none"]}})


def test_what_cannot_be_read_is_silent_and_without_other_evidence_it_is_tried_again(
    world: World, zones: dict[str, str]
) -> None:
    world.aws.client("elbv2", "us-east-1").meta.events.register("before-call.*.*", _refuse)
    with pytest.raises(ActionError):
        plan(world)
    darken(world, zone_of(world, zones))
    made = plan(world)
    assert made.changes
    assert any(note.startswith("targets could not be read") for note in made.notes)


def _refuse(**_: Any) -> None:
    from botocore.exceptions import ClientError

    raise ClientError({"Error": {"Code": "Throttling", "Message": "no"}}, "DescribeTargetGroups")


def test_no_fit_zone_is_an_error_that_says_why_of_each(world: World, zones: dict[str, str]) -> None:
    darken(world, zone_of(world, zones))

    def nothing_offered(params: dict[str, Any], **_: Any) -> None:
        params["body"]["LocationType"] = "region"

    world.aws.client("ec2", "us-east-1").meta.events.register(
        "before-call.ec2.DescribeInstanceTypeOfferings", nothing_offered
    )
    with pytest.raises(InputError) as caught:
        plan(world)
    assert caught.value.code == "zones.none_healthy"
    assert "does not offer" in caught.value.message


def test_it_changes_nothing_and_is_found_again_after_a_lost_record(world: World, zones: dict[str, str]) -> None:
    darken(world, zone_of(world, zones))
    ctx = world.ctx()
    world.control.reset_calls()
    made = plan(world)
    assert all(name.startswith(("Describe", "List", "Get")) for name in world.calls())
    [change] = made.changes
    found = ACTION.observe([(change, in_doubt(ctx))], replace(ctx))[change.key]
    assert (found.id, found.adopted, found.settled) == (change.resource, True, True)
    undo = ACTION.undo(change, found, ctx)
    assert (undo.by, undo.cannot) == ("", "")
    assert ACTION.name == "zones.assess"


def instance(kind: str, cores: int | None = None, **more: Any) -> Any:
    return {
        "InstanceType": kind,
        **({"CpuOptions": {"CoreCount": cores, "ThreadsPerCore": 2}} if cores else {}),
        **more,
    }


def test_vcpus_of_standard_instances_are_counted_if_aws_tells_them() -> None:
    assert vcpus([instance("m6i.large", 1), instance("r6i.xlarge", 2)]) == 6
    assert vcpus([instance("p5.48xlarge", 96), instance("m6i.large", 1, InstanceLifecycle="spot")]) == 0
    assert vcpus([instance("m6i.large")]) is None


@pytest.mark.parametrize(("value", "enough"), [(7.0, False), (8.0, True)])
def test_a_quota_that_would_be_passed_is_told_before_anything_moves(
    world: World,
    zones: dict[str, str],
    value: float,
    enough: bool,  # noqa: FBT001
) -> None:
    darken(world, zone_of(world, zones))  # three of five instances are there

    def one_vcpu_each(parsed: dict[str, Any], **_: Any) -> None:
        for each in (i for group in parsed["Reservations"] for i in group["Instances"]):
            each["CpuOptions"] = {"CoreCount": 1, "ThreadsPerCore": 1}

    def quota(http_response: Any, parsed: dict[str, Any], **_: Any) -> None:
        http_response.status_code = 200
        parsed.clear()
        parsed.update({"Quota": {"QuotaCode": STANDARD, "Value": value}})

    world.aws.client("ec2", "us-east-1").meta.events.register("after-call.ec2.DescribeInstances", one_vcpu_each)
    world.aws.client("service-quotas", "us-east-1").meta.events.register("after-call.service-quotas.*", quota)
    [note] = [each for each in plan(world).notes if each.startswith("The quota of running On-Demand")]
    assert ("NOT ENOUGH" not in note) is enough
    assert "5 run now, and 3 leave the zone" in note
