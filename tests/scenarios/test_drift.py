"""What runs keep out of a zone and somebody lets in again is told of while it is owed: groups, and shifted traffic."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.domain.run import Run, RunState
from chalicelib.engine import drifting
from chalicelib.engine.intake import WATCHDOG, on_schedule
from chalicelib.engine.local import drive, here
from chalicelib.engine.telling import Teller
from chalicelib.errors import ActionError, ErrorKind
from chalicelib.stores.notices import Notices
from tests.scenarios import test_groups
from tests.scenarios.conftest import HOME, Stage
from tests.scenarios.test_groups import LEAVE, Shop
from tests.scenarios.test_watchdog import about

ZONE = "use1-az1"
KEPT = f"lifeboat:evacuated.{ZONE}.0"
_prepared, _shop = test_groups._prepared, test_groups._shop
SHOP = {"select": {"tags": {"app": "shop"}}}
BACK = [{"id": "back", "uses": "asg.return_zone", "with": {"zone": ZONE, **SHOP}}]
SHIFT = [{"id": "shift", "uses": "zonal_shift.start", "with": {"away_from": ZONE, **SHOP}}]
END = [{"id": "end", "uses": "zonal_shift.cancel", "with": {"away_from": ZONE, **SHOP}}]


@pytest.fixture(name="told")
def _told(stage: Stage) -> Stage:
    services = stage.services
    notices = Notices(services.aws, HOME, stage.estate["topic"], "")
    services.engine.teller = Teller(services.ledger, notices, services.engine.journal)
    return stage


def run(stage: Stage, steps: list[dict[str, Any]], key: str = "k1") -> str:
    found = stage.run(stage.book("replace-unhealthy", steps=steps), key)
    assert found.state is RunState.SUCCEEDED
    return found.run_id


def watch(stage: Stage) -> list[str]:
    return [name for name in on_schedule(WATCHDOG, stage.services)["breaches"] if name.startswith(("drift.", "watch."))]


def undo(stage: Stage, run_id: str) -> Run:
    ended = stage.services.ledger.load(run_id)
    assert ended is not None
    return drive(
        stage.services.engine, stage.services.starter.undo(ended, by="tester", reason="the zone is well", holder=here())
    )


def test_a_template_that_is_applied_again_is_told_once_and_daily_until_the_zone_is_out_again(
    told: Stage, shop: Shop
) -> None:
    before = shop.group()["VPCZoneIdentifier"]
    run_id = run(told, LEAVE)
    left, name = shop.group()["VPCZoneIdentifier"], f"drift.{run_id}.web.{ZONE}"
    assert watch(told) == []
    shop.scaling.update_auto_scaling_group(AutoScalingGroupName="web", VPCZoneIdentifier=before)
    assert watch(told) == watch(told) == [name]
    [message] = about(told, "breach", name)
    [back] = set(before.split(",")) - set(left.split(","))
    for said in (
        f"Run {run_id}",
        "asg:web",
        f"{ZONE} again",
        f"it has again {back}",
        f"lifeboat undo {run_id}",
        "template",
        "asg.return_zone",
        HOME,
    ):
        assert said in message
    told.services.clock.sleep(timedelta(days=1).total_seconds())
    assert watch(told) == [name]
    assert len(about(told, "breach", name)) == 2
    shop.scaling.update_auto_scaling_group(AutoScalingGroupName="web", VPCZoneIdentifier=left)
    assert watch(told) == []
    [over] = about(told, "cleared", name)
    assert "It was: asg:web" in over


def test_what_has_drifted_is_returned_by_the_undo_of_its_run_and_that_is_no_drift(told: Stage, shop: Shop) -> None:
    before = shop.group()
    run_id = run(told, LEAVE)
    tag = {"ResourceId": "web", "ResourceType": "auto-scaling-group", "Key": KEPT}
    shop.scaling.delete_tags(Tags=[tag])
    assert watch(told) == [f"drift.{run_id}.web.{ZONE}"]
    [message] = about(told, "breach", "drift.")
    assert (KEPT in message, before["VPCZoneIdentifier"].replace(",", ", ") in message) == (True, True)
    assert undo(told, run_id).state is RunState.UNDONE
    assert (shop.group()["VPCZoneIdentifier"], shop.group()["Tags"]) == (before["VPCZoneIdentifier"], before["Tags"])
    assert watch(told) == []
    assert len(about(told, "cleared", "drift.")) == 1


def test_a_group_that_another_run_returned_is_no_drift_and_nothing_is_owed_of_it(told: Stage, shop: Shop) -> None:
    run_id = run(told, LEAVE)
    run(told, BACK, "k2")
    assert told.services.ledger.owed(run_id) == {}
    assert watch(told) == []
    assert shop.calls("UpdateAutoScalingGroup") == 4


def test_a_template_that_removes_the_tags_too_is_drift_until_a_person_says_that_it_was_meant(
    told: Stage, shop: Shop
) -> None:
    before, ledger = shop.group()["VPCZoneIdentifier"], told.services.ledger
    run_id = run(told, LEAVE)
    shop.scaling.update_auto_scaling_group(AutoScalingGroupName="web", VPCZoneIdentifier=before)
    shop.scaling.delete_tags(Tags=[{"ResourceId": "web", "ResourceType": "auto-scaling-group", "Key": KEPT}])
    name = f"drift.{run_id}.web.{ZONE}"
    assert watch(told) == [name]
    told.services.clock.sleep(timedelta(days=1, minutes=10).total_seconds())
    assert {one.outcome for one in told.services.engine.debts.sweep()} == {"in_vain"}
    assert watch(told) == [name]
    ledger.settle(run_id, f"return.web.{ZONE}", "by ana: the zone is well")
    assert watch(told) == []


def test_another_subnet_of_the_zone_is_the_same_drift(told: Stage, shop: Shop) -> None:
    before, truth = shop.group()["VPCZoneIdentifier"], told.control.witness("ec2", HOME)
    run_id = run(told, LEAVE)
    left = shop.group()["VPCZoneIdentifier"]
    [old] = set(before.split(",")) - set(left.split(","))
    [known] = truth.describe_subnets(SubnetIds=[old])["Subnets"]
    asked = {"CidrBlock": "172.31.240.0/24", "AvailabilityZone": known["AvailabilityZone"]}
    made = truth.create_subnet(VpcId=known["VpcId"], **asked)["Subnet"]["SubnetId"]
    shop.scaling.update_auto_scaling_group(AutoScalingGroupName="web", VPCZoneIdentifier=f"{left},{made}")
    name = f"drift.{run_id}.web.{ZONE}"
    assert watch(told) == [name]
    [message] = about(told, "breach", name)
    assert f"launches in {ZONE} again" in message
    assert made in message


def test_who_returns_a_group_without_its_tags_by_hand_says_so_once(told: Stage, shop: Shop) -> None:
    before = shop.group()["VPCZoneIdentifier"]
    run_id = run(told, LEAVE)
    name, owed = f"drift.{run_id}.web.{ZONE}", f"return.web.{ZONE}"
    shop.scaling.delete_tags(Tags=[{"ResourceId": "web", "ResourceType": "auto-scaling-group", "Key": KEPT}])
    assert watch(told) == [name]
    [message] = about(told, "breach", name)
    assert f"lifeboat runs settle {run_id} {owed} --done" in message
    shop.scaling.update_auto_scaling_group(AutoScalingGroupName="web", VPCZoneIdentifier=before)
    assert watch(told) == [name]  # a template that is applied again looks the same
    told.services.ledger.settle(run_id, owed, "by ana: the zone is well")
    assert watch(told) == []


def test_what_aws_throttles_stays_a_breach_until_it_was_looked_at(told: Stage, shop: Shop) -> None:
    name = drifted(told, shop)
    told.control.weather(throttle_reads_share=1.0)
    with pytest.raises(ActionError):
        watch(told)
    told.control.weather(throttle_reads_share=0.0)
    assert about(told, "cleared", name) == []
    assert watch(told) == []
    assert len(about(told, "cleared", name)) == 1


def test_what_people_may_change_meanwhile_is_no_drift(told: Stage, shop: Shop) -> None:
    run(told, LEAVE)
    shop.scaling.update_auto_scaling_group(AutoScalingGroupName="web", MinSize=2, DesiredCapacity=8, MaxSize=20)
    shop.scaling.suspend_processes(AutoScalingGroupName="web", ScalingProcesses=["AZRebalance"])
    assert watch(told) == []


def drifted(stage: Stage, shop: Shop) -> str:
    """Let a group have its zone again, be told of it, and mend it: what nobody could look at yet."""
    before = shop.group()["VPCZoneIdentifier"]
    run_id = run(stage, LEAVE)
    left, name = shop.group()["VPCZoneIdentifier"], f"drift.{run_id}.web.{ZONE}"
    shop.scaling.update_auto_scaling_group(AutoScalingGroupName="web", VPCZoneIdentifier=before)
    assert watch(stage) == [name]
    shop.scaling.update_auto_scaling_group(AutoScalingGroupName="web", VPCZoneIdentifier=left)
    return name


def lasting(stage: Stage) -> set[str]:
    return {one for one in stage.services.ledger.breaches() if one.startswith(("drift.", "watch.asg"))}


@pytest.mark.parametrize(
    "stopped", [ActionError("action.denied", "AWS refused", ErrorKind.TERMINAL), KeyboardInterrupt()]
)
def test_what_must_not_be_read_or_was_cut_short_stays_a_breach(
    told: Stage, shop: Shop, monkeypatch: pytest.MonkeyPatch, stopped: BaseException
) -> None:
    name = drifted(told, shop)

    def refuse(*_: Any) -> Any:
        raise stopped

    with monkeypatch.context() as patch:
        patch.setattr(drifting, "differences", refuse)
        with pytest.raises(type(stopped)):
            watch(told)
    blind = {f"watch.asg.evacuate_zone.{HOME}"} if isinstance(stopped, ActionError) else set()
    assert (lasting(told), about(told, "cleared", name)) == ({name, *blind}, [])
    assert watch(told) == []
    assert len(about(told, "cleared", name)) == 1


def test_nothing_is_read_of_groups_while_no_group_is_owed(told: Stage, shop: Shop) -> None:
    watch(told)
    assert shop.calls("DescribeAutoScalingGroups") == shop.calls("ListZonalShifts") == 0
    run(told, LEAVE)
    before = shop.calls("DescribeAutoScalingGroups")
    watch(told)
    assert shop.calls("DescribeAutoScalingGroups") == before + 1


def test_a_shift_that_somebody_cancelled_is_told_until_another_one_stands_in(told: Stage, shop: Shop) -> None:
    run_id = run(told, SHIFT)
    arc = told.control.witness("arc-zonal-shift")
    [shift] = arc.list_zonal_shifts(status="ACTIVE")["items"]
    name = f"drift.{run_id}.shift.{shift['zonalShiftId']}"
    assert watch(told) == []
    arc.cancel_zonal_shift(zonalShiftId=shift["zonalShiftId"])
    assert watch(told) == [name]
    [message] = about(told, "breach", name)
    assert (shift["resourceIdentifier"] in message, f"may go to {ZONE} again" in message) == (True, True)
    asked = {"resourceIdentifier": shift["resourceIdentifier"], "awayFrom": ZONE, "expiresIn": "2h", "comment": "ana"}
    arc.start_zonal_shift(**asked)
    assert watch(told) == []
    assert shop.serving()


def test_a_shift_that_expired_while_nobody_extended_it_is_told_and_stays_owed(told: Stage) -> None:
    run_id = run(told, SHIFT)
    told.services.clock.sleep(timedelta(hours=5).total_seconds())
    [name] = watch(told)
    assert name.startswith(f"drift.{run_id}.shift.")
    assert [one.outcome for one in told.services.engine.debts.sweep()] == ["in_vain"]
    assert watch(told) == [name]
    assert undo(told, run_id).state is RunState.UNDONE
    assert watch(told) == []


def test_a_shift_that_a_run_ended_is_no_drift(told: Stage) -> None:
    run_id = run(told, SHIFT)
    run(told, END, "k2")
    assert told.services.ledger.owed(run_id) == {}
    assert watch(told) == []
