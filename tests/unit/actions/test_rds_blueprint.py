"""What restored databases are like: pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from chalicelib.actions.rds_blueprint import Blueprint, classes_of, drawn, restore_call, rooted
from chalicelib.actions.rds_restore_given import Placement, PointSelector, RestoreInput
from chalicelib.actions.rds_restore_points import Origin, lost_reason
from chalicelib.domain.database_manifest import DatabaseManifest, MemberFacts
from tests.unit.actions.test_rds_failover_plan import ONE, WRITES, cluster, member

AT = datetime(2031, 1, 6, tzinfo=UTC)
AURORA = DatabaseManifest(
    engine="aurora-mysql", version="8", subnet_group="s", security_groups=("sg-1",), parameter_group="p", min_acu=0.5,
    max_acu=4, members=(MemberFacts(name="e1", writer=True, instance_class="db.serverless"),),
)  # fmt: skip
EVENTS = Origin("cluster", "events", "cluster:events/c-1", AURORA, AT, 10, "aurora-mysql", snapshot="snap")


def drawing(origin: Origin, **given: Any) -> Blueprint:
    made = drawn(origin, Placement.model_validate(given), None)
    assert isinstance(made, Blueprint), made
    return made


def test_serverless_capacity_is_carried_and_needs_no_orderable_class() -> None:
    plan = drawing(EVENTS)
    assert classes_of(plan) == []
    operation, params = restore_call(plan, "new", "")
    assert operation == "RestoreDBClusterFromSnapshot"
    assert params["ServerlessV2ScalingConfiguration"] == {"MinCapacity": 0.5, "MaxCapacity": 4.0}


def test_a_multi_az_cluster_makes_its_instances_itself() -> None:
    manifest = AURORA.model_copy(update={"engine": "mysql", "instance_class": "db.r6gd.large", "members": ()})
    plan = drawing(replace(EVENTS, manifest=manifest, engine="mysql"))
    assert plan.members == ()
    assert restore_call(plan, "new", "")[1]["DBClusterInstanceClass"] == "db.r6gd.large"


def test_an_aurora_cluster_whose_instances_are_not_known_gets_one_of_a_stated_class() -> None:
    bare = replace(EVENTS, manifest=AURORA.model_copy(update={"members": ()}))
    assert "instance_class" in str(drawn(bare, Placement(), None))
    [only] = drawing(bare, instance_class="db.r6g.large").members
    assert (only.name, only.writer, only.instance_class) == ("events-1", True, "db.r6g.large")
    old = replace(EVENTS, manifest=AURORA.model_copy(update={"members": (MemberFacts(name="e1", writer=True),)}))
    assert "instance_class" in str(drawn(old, Placement(), None))
    assert classes_of(drawing(old, instance_class="db.r6g.large")) == ["db.r6g.large"]


def test_groups_of_another_region_are_not_taken() -> None:
    elsewhere = replace(EVENTS, elsewhere="us-east-1")
    said = str(drawn(elsewhere, Placement(), None))
    assert "us-east-1" in said
    assert "subnet_group, security_groups" in said
    assert drawing(elsewhere, subnet_group="r", security_groups=["sg-9"]).subnet_group == "r"


def test_provisioned_iops_are_told_and_others_are_the_backups_own() -> None:
    manifest = DatabaseManifest(
        engine="mysql", instance_class="db.r6g.large", storage_type="io2", iops=5000, subnet_group="s",
        security_groups=("sg-1",), parameter_group="p",
    )  # fmt: skip
    plan = drawing(replace(EVENTS, kind="db", manifest=manifest, engine="mysql"))
    assert restore_call(plan, "new", "zone-a")[1]["Iops"] == 5000
    assert (
        "Iops"
        not in restore_call(replace(plan, manifest=manifest.model_copy(update={"storage_type": "gp3"})), "new", "")[1]
    )


def test_names_fit_and_have_no_double_hyphen() -> None:
    assert rooted("a" * 33 + "-b", "lb" + "c" * 26) == "a" * 33 + "-lb" + "c" * 26
    assert len(rooted("x" * 63, "lb" + "c" * 26)) == 63


def test_what_is_asked_for_must_make_sense() -> None:
    for wrong in (
        {"name": "a--b"},
        {"name": "a-"},
        {"name": "a", "replace": "rename"},
    ):
        with pytest.raises(ValidationError, match="name"):
            Placement.model_validate(wrong)
    for nothing in ({}, {"tags": {"a*": "b"}}):
        with pytest.raises(ValidationError):
            PointSelector.model_validate(nothing)
    with pytest.raises(ValidationError, match="either snapshots or select"):
        RestoreInput.model_validate({})


def test_lost_is_what_is_gone_failed_or_cannot_leave_the_zone() -> None:
    assert lost_reason(None, "z1") == "it is gone"
    assert lost_reason(replace(ONE, status="failed"), "") == "it is failed"
    assert lost_reason(ONE, "z1") == ""
    assert "Single-AZ" in lost_reason(replace(ONE, multi_az=False), "z1")
    assert lost_reason(replace(ONE, multi_az=False), "z2") == ""
    assert "all its instances" in lost_reason(cluster(WRITES), "z1")
    assert lost_reason(cluster(WRITES, member("e2", "z2")), "z1") == ""
