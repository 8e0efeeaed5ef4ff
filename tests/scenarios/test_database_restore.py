"""Databases come back from their points: as they were, in order, under their own names, and never over anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.actions.base import Action
from chalicelib.aws import tags
from chalicelib.domain.change import Effect, EffectState, effect_id
from chalicelib.domain.run import RunState, StepState
from chalicelib.sandbox.client import Control
from tests.scenarios.conftest import HOME, Stage, step, tags_of
from tests.scenarios.databases import (
    backed_up,
    calls,
    carried_out,
    cluster,
    context,
    instance,
    made_by,
    names,
    of_step,
    outputs,
    started,
    writer,
    zone_id,
)

ORDERS, EVENTS = {"databases": ["db:orders"]}, {"databases": ["cluster:events"]}


@pytest.fixture(name="prepared", scope="module")
def _prepared() -> Iterator[tuple[Control, dict[str, Any]]]:
    with backed_up() as made:
        yield made


def point_of(stage: Stage, name: str = "orders") -> Any:
    rds = stage.control.witness("rds", HOME)
    return rds.describe_db_snapshots(DBInstanceIdentifier=name, SnapshotType="manual")["DBSnapshots"][0]


def test_an_instance_is_restored_beside_the_old_one_with_all_that_was_recorded(stage: Stage) -> None:
    before = names(stage)
    found = carried_out(stage, "rds.restore", {"select": ORDERS})
    assert found.state is RunState.SUCCEEDED, found.message
    target = f"orders-{effect_id(found.run_id, 'it', 'restore/db:orders')}"
    assert names(stage) - before == {f"db:{target}"}
    old, new = instance(stage, "orders"), instance(stage, target)
    for field in ("DBInstanceClass", "MultiAZ", "DBSubnetGroup", "VpcSecurityGroups", "DBParameterGroups"):
        assert new[field] == old[field], field
    assert (new["Endpoint"]["Port"], new["OptionGroupMemberships"]) == (3306, old["OptionGroupMemberships"])
    assert (new["KmsKeyId"], new["StorageType"]) == (old["KmsKeyId"], old["StorageType"])
    own = tags_of({"Tags": new["TagList"]})
    assert own[tags.RESTORED] == f"db:orders/{old['DbiResourceId']}"
    assert "backup" not in own
    [told] = found.recovered
    assert (told.resource, told.replacement) == ("db:orders", f"db:{target}")
    assert told.point == point_of(stage)["SnapshotDatabaseTime"].replace(microsecond=0)
    assert told.rpo_s is not None
    assert 3600 <= told.rpo_s <= 2 * 3600
    assert told.rto_s > 420
    [restored] = outputs(found)["restored"]
    assert (outputs(found)["instances"], outputs(found)["clusters"]) == ([target], [])
    assert restored["endpoint"] == f"{new['Endpoint']['Address']}:3306"


def test_with_rename_the_old_one_is_kept_and_the_new_one_has_its_name_and_its_tags(stage: Stage) -> None:
    old = instance(stage, "orders")
    found = carried_out(stage, "rds.restore", {"select": ORDERS, "replace": "rename"})
    assert found.state is RunState.SUCCEEDED, found.message
    new = instance(stage, "orders")
    assert new["DbiResourceId"] != old["DbiResourceId"]
    assert new["Endpoint"]["Address"] == old["Endpoint"]["Address"]
    assert {"app": "shop", "backup": "nightly"}.items() <= tags_of({"Tags": new["TagList"]}).items()
    [kept] = outputs(found)["kept"]
    assert kept.startswith("db:orders-old-")
    assert instance(stage, kept.removeprefix("db:"))["DbiResourceId"] == old["DbiResourceId"]
    log = [one["operation"] for one in stage.control.call_log() if one["service"] == "rds"]
    assert log.index("ModifyDBInstance") < log.index("RestoreDBInstanceFromDBSnapshot")
    assert calls(stage, "DeleteDBInstance") == 0


def test_a_cluster_gets_its_instances_again_and_the_recorded_writer_writes(stage: Stage) -> None:
    found = carried_out(stage, "rds.restore", {"select": EVENTS, "replace": "rename"})
    assert found.state is RunState.SUCCEEDED, found.message
    new = cluster(stage, "events")
    assert new["DbClusterResourceId"] != stage.estate["databases"]["events"]
    assert (new["DBClusterParameterGroup"], new["DBSubnetGroup"], new["Port"]) == (
        "events-params",
        "shop-private",
        5432,
    )
    members = {one["DBInstanceIdentifier"].split("-lb")[0] for one in new["DBClusterMembers"]}
    assert members == {"events-1", "events-2"}
    assert writer(stage, "events").startswith("events-1-lb")
    made = instance(stage, writer(stage, "events"))
    assert made["DBParameterGroups"][0]["DBParameterGroupName"] == "events-1-params"
    assert made["DBInstanceClass"] == instance(stage, "events-1")["DBInstanceClass"]
    [told] = found.recovered
    assert (told.resource, told.replacement) == ("cluster:events", "cluster:events")
    assert told.zone_id


def test_it_is_asked_first_and_says_what_is_at_stake(stage: Stage) -> None:
    action: Any = stage.services.actions["rds.restore"]
    asked: list[Any] = []
    plan = action.plan

    def seen(*args: Any) -> Any:
        made = plan(*args)
        asked.append(made.ask)
        return made

    action.plan = seen
    try:
        carried_out(stage, "rds.restore", {"select": ORDERS})
    finally:
        del action.plan
    assert asked[0].may_lose_data
    assert "db:orders as of" in asked[0].reason


def refused(stage: Stage, given: dict[str, Any], key: str) -> dict[str, tuple[str, str]]:
    """Return code and message of what a restore refuses, and prove that nothing was changed."""
    before = names(stage)
    found = stage.run(of_step(stage, "rds.restore", given), key=key)
    assert found.state is RunState.FAILED
    assert names(stage) == before
    assert calls(stage, "ModifyDBInstance") + calls(stage, "RestoreDBInstanceFromDBSnapshot") == 0
    said = step(found, "it")
    if not said.failures:
        return {"": (said.code, said.message)}
    return {one.resource: (one.code, one.message) for one in said.failures}


def test_everything_is_looked_up_before_anything_is_changed(stage: Stage) -> None:
    base = {"select": ORDERS, "replace": "rename"}
    for number, (more, code, word) in enumerate(
        [
            ({"subnet_group": "nope"}, "action.group_missing", "subnet group nope"),
            ({"parameter_group": "nope"}, "action.group_missing", "never copies"),
            ({"option_group": "nope"}, "action.group_missing", "option group nope"),
            ({"instance_class": "db.none"}, "action.not_orderable", "instance_class"),
            ({"subnet_group": "drill-private", "away_from": "use1-az6"}, "action.no_zone", "multi_az: false"),
        ]
    ):
        failures = refused(stage, {**base, **more}, f"k{number}")
        assert failures["db:orders"][0] == code
        assert word in failures["db:orders"][1]
    stage.control.disaster("database_lost", name="accounts")
    lost = {"select": {"databases": ["db:accounts"]}, "replace": "rename"}
    assert refused(stage, lost, "lost")["db:accounts"][0] == "action.not_renamable"
    kms = stage.control.witness("kms", HOME)
    kms.disable_key(KeyId=point_of(stage)["KmsKeyId"])
    assert refused(stage, base, "key")["db:orders"][0] == "action.key_unusable"
    none = {"select": {"databases": ["db:nope"]}}
    assert refused(stage, none, "none")["db:nope"][0] == "action.no_point"
    assert refused(stage, {"select": {"tags": {"app": "nope"}}}, "nothing")[""][0] == "action.nothing_selected"


def test_a_point_without_a_record_needs_everything_stated(stage: Stage) -> None:
    snapshot = f"snapshot:{stage.estate['foreign_snapshot']}"
    rds = stage.control.witness("rds", HOME)
    rds.modify_db_instance(DBInstanceIdentifier="scratch", DeletionProtection=False)
    rds.delete_db_instance(DBInstanceIdentifier="scratch", SkipFinalSnapshot=True)
    stage.control.settle()
    failures = refused(stage, {"snapshots": [snapshot]}, "bare")
    assert failures["db:scratch"][0] == "action.not_recorded"
    assert "subnet_group, security_groups, parameter_group, instance_class" in failures["db:scratch"][1]
    stated = {
        "subnet_group": "shop-private",
        "security_groups": ["sg-0db"],
        "parameter_group": "scratch-params",
        "instance_class": "db.t4g.small",
    }
    found = carried_out(stage, "rds.restore", {"snapshots": [snapshot], "name": "scratch", **stated})
    assert found.state is RunState.SUCCEEDED, found.message
    assert instance(stage, "scratch")["DBInstanceClass"] == "db.t4g.small"


def test_only_what_is_lost_is_restored_and_outside_the_zone(stage: Stage) -> None:
    lost = instance(stage, "accounts")["AvailabilityZone"]
    bad = zone_id(stage, lost)
    stage.control.disaster("az_dark", zone=lost)
    given = {"select": {"tags": {"app": "shop"}}, "only_lost": True, "away_from": bad}
    found = carried_out(stage, "rds.restore", given)
    assert found.state is RunState.SUCCEEDED, found.message
    [told] = found.recovered
    assert told.resource == "db:accounts"
    assert told.zone_id not in {"", bad}
    assert sum("left alone: it is not lost" in note for note in step(found, "it").notes) == 2


def test_a_database_that_took_the_name_meanwhile_is_never_adopted_nor_overwritten(stage: Stage) -> None:
    run = started(stage, "rds.restore", {"select": ORDERS})
    taken = f"orders-{effect_id(run.run_id, 'it', 'restore/db:orders')}"
    rds = stage.control.witness("rds", HOME)
    rds.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier=taken, DBSnapshotIdentifier=point_of(stage)["DBSnapshotIdentifier"]
    )
    found = stage.drive(run)
    assert (found.state, step(found, "it").state) == (RunState.FAILED, StepState.FAILED)
    assert {one.code for one in step(found, "it").failures} <= {"action.conflict", "action.name_taken"}
    assert tags_of({"Tags": instance(stage, taken)["TagList"]}) == {}
    [(change, _)], action = made_by(stage, found.run_id), stage.services.engine.actions["rds.restore"]
    assert isinstance(action, Action)
    ctx = context(stage, found.run_id)
    assert action.review([change], {}, ctx)[change.key].state == "conflict"
    doubtful = Effect(state=EffectState.IN_DOUBT, at=ctx.now)  # as if the name had been taken just before the call
    seen = action.observe([(change, doubtful)], ctx)[change.key]
    assert (seen.state, seen.code) == (EffectState.CONFLICT, "action.name_taken")


def test_answers_that_are_lost_and_listings_that_are_late_make_nothing_twice(stage: Stage) -> None:
    before = names(stage)
    stage.control.weather(lost_answer_share=1.0, visibility_s=90)
    run = started(stage, "rds.restore", {"select": {"tags": {"app": "shop"}}, "replace": "rename"})

    def clears_up() -> None:
        if calls(stage, "CreateDBInstance"):
            stage.control.weather(lost_answer_share=0.0)

    found = stage.drive(run, between=clears_up)
    assert found.state is RunState.SUCCEEDED, found.message
    made = names(stage) - before
    assert len(made) == 3 + 2  # three that were renamed, and two new instances of the cluster
    assert step(found, "it").counts.adopted >= 4


def test_a_restore_that_aws_gives_up_fails_by_name_and_its_cluster_gets_no_instances(stage: Stage) -> None:
    stage.control.weather(rds={"fail_restores": ["orders", "events"]})
    found = carried_out(stage, "rds.restore", {"select": {"tags": {"app": "shop"}}, "replace": "rename"})
    codes = {(one.resource, one.code) for one in step(found, "it").failures}
    assert ("db:orders", "action.restore_failed") in codes
    assert ("cluster:events", "action.source_failed") in codes
    assert calls(stage, "CreateDBInstance") == 0
    assert [one.resource for one in found.recovered] == ["db:accounts"]
