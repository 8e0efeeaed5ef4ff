"""Groups that left a zone and are changed behind Lifeboat's back: the watchdog tells it, and when it is over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.domain.run import RunState
from chalicelib.domain.runbook import Runbook
from chalicelib.engine.intake import WATCHDOG, on_schedule
from chalicelib.engine.telling import Teller
from chalicelib.errors import ActionError
from chalicelib.sandbox.client import Control
from chalicelib.stores.notices import Notices
from tests.scenarios.conftest import HOME, Stage
from tests.shared_box import Prepared, with_estate

ZONE = "use1-az1"


def _groups(control: Control) -> dict[str, Any]:
    estate = control.estate("small")
    front = control.estate("front")
    return {**estate, "front": front, **control.estate("groups")}


@pytest.fixture(name="prepared", scope="module")
def _prepared() -> Iterator[Prepared]:
    with with_estate(_groups) as prepared:
        yield prepared


class Evacuated:
    """A group that left a zone, and people who are told of breaches."""

    def __init__(self, stage: Stage) -> None:
        services = stage.services
        self.stage, self.scaling = stage, stage.control.witness("autoscaling", HOME)
        notices = Notices(services.aws, HOME, stage.estate["topic"], "")
        services.engine.teller = Teller(services.ledger, notices, services.engine.journal)
        self.before: str = self.group()["VPCZoneIdentifier"]
        given = {"zone": ZONE, "select": {"groups": ["web"]}}
        known = {"version": 1, "name": "leave", "guard": {"regions": [HOME], "max_share": "100%"}}
        steps = [{"id": "leave", "uses": "asg.evacuate_zone", "with": given}]
        found = stage.run(Runbook.model_validate({**known, "steps": steps}))
        assert found.state is RunState.SUCCEEDED
        self.run_id = found.run_id
        self.left: str = self.group()["VPCZoneIdentifier"]
        assert set(self.left.split(",")) < set(self.before.split(","))

    @property
    def name(self) -> str:
        return f"drift.{self.run_id}.web.{ZONE}"

    def group(self) -> Any:
        [found] = self.scaling.describe_auto_scaling_groups(AutoScalingGroupNames=["web"])["AutoScalingGroups"]
        return found

    def apply(self, subnets: str) -> None:
        self.scaling.update_auto_scaling_group(AutoScalingGroupName="web", VPCZoneIdentifier=subnets)

    def watch(self) -> list[str]:
        self.stage.control.advance(900)
        seen: list[str] = on_schedule(WATCHDOG, self.stage.services)["breaches"]
        return [name for name in seen if name.startswith("drift.")]

    def told(self, kind: str) -> list[str]:
        every = [one for one in self.stage.control.published() if one["attributes"].get("lifeboat_kind") == kind]
        return [one["message"] for one in every if "drift." in one["attributes"]["lifeboat_notice"]]


@pytest.fixture(name="evacuated")
def _evacuated(stage: Stage) -> Evacuated:
    return Evacuated(stage)


def test_a_template_that_puts_the_zone_back_is_told_once_until_it_is_mended(evacuated: Evacuated) -> None:
    assert evacuated.watch() == []
    evacuated.apply(evacuated.before)
    assert [evacuated.watch(), evacuated.watch()] == [[evacuated.name]] * 2
    [message] = evacuated.told("breach")
    for word in ("asg:web", HOME, ZONE, evacuated.run_id, "template", "asg.return_zone"):
        assert word in message
    evacuated.apply(evacuated.left)
    assert evacuated.watch() == []
    assert len(evacuated.told("cleared")) == 1


def test_another_subnet_of_the_zone_is_the_same_drift(evacuated: Evacuated) -> None:
    truth = evacuated.stage.control.witness("ec2", HOME)
    [old] = set(evacuated.before.split(",")) - set(evacuated.left.split(","))
    [known] = truth.describe_subnets(SubnetIds=[old])["Subnets"]
    made = truth.create_subnet(
        VpcId=known["VpcId"], CidrBlock="172.31.240.0/24", AvailabilityZone=known["AvailabilityZone"]
    )["Subnet"]["SubnetId"]
    evacuated.apply(f"{evacuated.left},{made}")
    assert evacuated.watch() == [evacuated.name]
    [message] = evacuated.told("breach")
    assert f"launches in {ZONE} again" in message
    assert made in message


def test_lost_tags_are_told_with_the_subnets_that_they_kept(evacuated: Evacuated) -> None:
    kept = [
        {"ResourceId": "web", "ResourceType": "auto-scaling-group", "Key": tag["Key"]}
        for tag in evacuated.group()["Tags"]
        if tag["Key"].startswith("lifeboat:evacuated")
    ]
    assert kept
    evacuated.scaling.delete_tags(Tags=kept)
    assert evacuated.watch() == [evacuated.name]
    [message] = evacuated.told("breach")
    assert ", ".join(evacuated.before.split(",")) in message
    evacuated.apply(evacuated.before)  # by hand; a template that is applied again looks the same
    assert evacuated.watch() == [evacuated.name]
    owed = f"return.web.{ZONE}"
    assert f"lifeboat runs settle {evacuated.run_id} {owed} --done" in message
    evacuated.stage.services.ledger.settle(evacuated.run_id, owed, "by ana: the zone is well")
    assert evacuated.watch() == []


def test_a_group_that_is_returned_is_no_drift(evacuated: Evacuated) -> None:
    services = evacuated.stage.services
    given = {"zone": ZONE, "select": {"groups": ["web"]}}
    known = {"version": 1, "name": "return", "guard": {"regions": [HOME], "max_share": "100%"}}
    book = Runbook.model_validate({**known, "steps": [{"id": "back", "uses": "asg.return_zone", "with": given}]})
    assert evacuated.stage.run(book, "k2").state is RunState.SUCCEEDED
    assert not services.ledger.owed(evacuated.run_id)  # by whichever run it was returned
    assert evacuated.watch() == []


def test_what_cannot_be_looked_at_stays_in_breach(evacuated: Evacuated) -> None:
    evacuated.apply(evacuated.before)
    assert evacuated.watch() == [evacuated.name]
    evacuated.apply(evacuated.left)
    evacuated.stage.control.weather(throttle_reads_share=1.0)
    with pytest.raises(ActionError):
        evacuated.watch()
    evacuated.stage.control.weather(throttle_reads_share=0.0)
    assert evacuated.told("cleared") == []
    assert evacuated.watch() == []
    assert len(evacuated.told("cleared")) == 1
