"""A place for drills beside a live estate, drills that are cut short, and an inventory of everything that is live."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.domain.run import Run, RunCause, RunState
from chalicelib.domain.runbook import Runbook
from chalicelib.domain.template import check_inputs
from chalicelib.engine.intake import SWEEP, on_schedule
from chalicelib.engine.local import drive, hold
from tests.scenarios.conftest import HOME, Stage
from tests.scenarios.recovery import staged

PLACE = ("subnet", "security_group", "instance_profile")
LISTS = (
    ("ec2", "describe_instances", "Reservations", "InstanceId"),
    ("ec2", "describe_volumes", "Volumes", "VolumeId"),
    ("ec2", "describe_images", "Images", "ImageId"),
    ("ec2", "describe_addresses", "Addresses", "AllocationId"),
    ("ec2", "describe_snapshots", "Snapshots", "SnapshotId"),
    ("ec2", "describe_security_groups", "SecurityGroups", "GroupId"),
    ("rds", "describe_db_instances", "DBInstances", "DBInstanceIdentifier"),
    ("rds", "describe_db_clusters", "DBClusters", "DBClusterIdentifier"),
    ("rds", "describe_db_snapshots", "DBSnapshots", "DBSnapshotIdentifier"),
    ("rds", "describe_db_cluster_snapshots", "DBClusterSnapshots", "DBClusterSnapshotIdentifier"),
    ("elbv2", "describe_target_groups", "TargetGroups", "TargetGroupArn"),
    ("autoscaling", "describe_auto_scaling_groups", "AutoScalingGroups", "AutoScalingGroupName"),
)
SWEEPS = 10
MOVES = {"LatestRestorableTime", "EarliestRestorableTime"}  # by itself, as time passes


def place_in(aws: Any) -> dict[str, str]:
    """Make an isolated subnet, group and profile, and return them as a drill's inputs."""
    ec2, iam = aws.client("ec2", HOME, "write"), aws.client("iam", HOME, "write")
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    used = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
    taken = {subnet["CidrBlock"] for subnet in used}
    block = next(each for n in range(200, 250) if (each := f"172.31.{n}.0/24") not in taken)
    zone = used[0]["AvailabilityZone"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=block, AvailabilityZone=zone)["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="drills", Description="drills only", VpcId=vpc)["GroupId"]
    iam.create_instance_profile(InstanceProfileName="drills")
    return {"subnet": subnet, "security_group": group, "instance_profile": "drills"}


def inventory(aws: Any) -> dict[str, str]:
    """Return everything that is live as it truly is, by what it is and its id: its whole description as text."""
    found: dict[str, str] = {}
    for service, operation, field, name in LISTS:
        more = {"Owners": ["self"]} if field == "Images" else {"OwnerIds": ["self"]} if field == "Snapshots" else {}
        for one in getattr(aws(service), operation)(**more)[field]:
            for each in one["Instances"] if field == "Reservations" else [one]:
                if each.get("State", {}) == {"Code": 48, "Name": "terminated"}:
                    continue
                lasting = {key: value for key, value in each.items() if key not in MOVES}
                found[f"{field}/{each[name]}"] = json.dumps(lasting, sort_keys=True, default=str)
    return found


def there(stage: Stage) -> dict[str, str]:
    """Return everything that is live now."""
    return inventory(stage.control.witness)


def drill(stage: Stage, book: Runbook, **other: Any) -> Run:
    """Start a drill at the estate's place, without driving it."""
    cause = RunCause(kind="manual", key="k1", occurred_at=stage.services.clock.now(), summary="by hand")
    inputs = check_inputs(book, {**stage.estate["place"], **other})
    return stage.services.starter.start(book, cause, inputs, mode="drill").run


def gone_on_with(stage: Stage, run: Run, die: Callable[[], None]) -> Run:
    """Let a drill's driver die where `die` says (KeyboardInterrupt), and another one go on; returns the end."""
    with pytest.raises(KeyboardInterrupt):
        stage.drive(run, die)
    with staged(stage.control, stage.estate) as other:
        other.services.clock.sleep(700)  # its driver is believed for some minutes
        left = other.services.ledger.load(run.run_id)
        assert left
        ended = drive(other.services.engine, hold(left, other.services.starter, new=False))
    stage.control.settle()
    return ended


def swept_after(stage: Stage, run: Run, far_enough: Callable[[], bool]) -> None:
    """Close a drill midway, as if nobody went on with it, and let the sweeper look after what it left."""
    engine, ledger = stage.services.engine, stage.services.ledger
    held = hold(run, stage.services.starter, new=True)
    while not far_enough():
        engine.clock.sleep(engine.advance(held.run_id, held.generation).wait_s)
    fresh = ledger.load(run.run_id)
    assert fresh
    ledger.finish(fresh.model_copy(update={"state": RunState.FAILED, "ended_at": engine.clock.now()}))
    for _ in range(SWEEPS):
        stage.control.settle()
        on_schedule(SWEEP, stage.services)
        engine.clock.sleep(300)
