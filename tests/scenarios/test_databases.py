"""Nights of databases: instances and a cluster, snapshotted and copied, in quiet and in bad weather."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.aws import tags
from chalicelib.domain.report import RunRecord
from chalicelib.domain.run import RunState, StepState
from tests.scenarios.conftest import AWAY, HOME, Stage, exit_code, step, tags_of

BOOK = "nightly-databases"
EVERY = {"db:orders", "db:accounts", "cluster:events"}


@pytest.fixture(name="night")
def _night(stage: Stage) -> Stage:
    stage.estate |= stage.control.estate("databases")
    return stage


def snapshots(stage: Stage, region: str, run_id: str | None = None) -> dict[str, dict[str, Any]]:
    """Return a run's (or all manual) snapshots as AWS has them, by database, each with its `tags`."""
    mine = [one for one in all_snapshots(stage, region) if run_id is None or one["tags"].get(tags.RUN) == run_id]
    assert len({name(one) for one in mine}) == len(mine), "a database has two points of one run"
    return {name(one): one for one in mine}


def all_snapshots(stage: Stage, region: str) -> list[dict[str, Any]]:
    rds = stage.control.witness("rds", region)
    found = rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]
    found += rds.describe_db_cluster_snapshots(SnapshotType="manual")["DBClusterSnapshots"]
    return [{**one, "tags": {t["Key"]: t["Value"] for t in one["TagList"]}} for one in found]


def name(snapshot: dict[str, Any]) -> str:
    if "DBClusterIdentifier" in snapshot:
        return f"cluster:{snapshot['DBClusterIdentifier']}"
    return f"db:{snapshot['DBInstanceIdentifier']}"


def everything_is_there(stage: Stage, run_id: str) -> None:
    for region in (HOME, AWAY):
        found = snapshots(stage, region, run_id)
        assert {one["Status"] for one in found.values()} == {"available"}
        assert set(found) == EVERY


def test_a_quiet_night_makes_a_point_and_a_copy_of_everything_with_all_that_a_restore_needs(night: Stage) -> None:
    found = night.run(night.book(BOOK))
    assert exit_code(found) == 0, found.message
    everything_is_there(night, found.run_id)
    assert found.objectives.rpo.met
    copy = snapshots(night, AWAY, found.run_id)["db:orders"]
    source = snapshots(night, HOME, found.run_id)["db:orders"]
    assert copy["KmsKeyId"].split(":")[3] == AWAY
    assert copy["OptionGroupName"] == "orders-options"
    assert copy["tags"][tags.POINT] == tags.iso(source["SnapshotDatabaseTime"])
    manifest = tags.database_manifest_of(copy["tags"])
    assert manifest is not None
    assert (manifest.instance_class, manifest.multi_az, manifest.port) == ("db.r6g.large", True, 3306)
    assert (manifest.subnet_group, manifest.parameter_group) == ("shop-private", "orders-params")
    cluster = tags.database_manifest_of(snapshots(night, AWAY, found.run_id)["cluster:events"]["tags"])
    assert cluster is not None
    assert [(m.name, m.writer) for m in cluster.members] == [("events-1", True), ("events-2", False)]
    assert {m.instance_class for m in cluster.members} == {"db.r6g.large"}
    assert [m.parameter_group for m in cluster.members] == ["events-1-params", "events-2-params"]
    assert (cluster.min_acu, cluster.max_acu) == (0.5, 16.0)
    others = snapshots(night, HOME)["db:scratch"]
    assert (others["DBSnapshotIdentifier"], others["tags"]) == (night.estate["foreign_snapshot"], {"owner": "lab"})


def test_in_bad_weather_nothing_is_missing_and_nothing_is_there_twice(night: Stage) -> None:
    night.control.weather(
        throttle_share=0.4, lost_answer_share=0.3, visibility_s=45, rds={"copies_per_destination": 1, "automated": True}
    )
    found = night.run(night.book(BOOK))
    assert found.state is RunState.SUCCEEDED, found.message
    everything_is_there(night, found.run_id)
    assert night.control.faults().get("quota:SnapshotQuotaExceeded", 0) > 0


def test_an_answer_that_is_lost_is_found_by_its_name_and_adopted(night: Stage) -> None:
    night.control.weather(lost_answer_share=1.0, visibility_s=120)
    run = night.start(night.book(BOOK))

    def clears_up() -> None:
        night.control.weather(lost_answer_share=0.0)

    found = night.drive(run, between=clears_up)
    assert found.state is RunState.SUCCEEDED
    assert step(found, "snapshots").counts.adopted == len(EVERY)
    everything_is_there(night, found.run_id)


def test_a_database_in_its_backup_window_is_tried_again_and_the_others_do_not_wait(night: Stage) -> None:
    night.control.weather(rds={"automated": True, "snapshots": {"base_s": 3000}})
    midnight = night.control.now().replace(hour=1, minute=59, second=0)
    night.control.advance(to=midnight)
    night.control.advance(120)  # orders' window has come at 02:00
    found = night.run(night.book(BOOK))
    assert found.state is RunState.SUCCEEDED, found.message
    everything_is_there(night, found.run_id)
    refused = [fields["change"] for sentence, fields in night.notes if sentence == "refused"]
    assert set(refused) >= {"db:orders"}
    times = {key: one["SnapshotCreateTime"] for key, one in snapshots(night, HOME, found.run_id).items()}
    assert times["db:orders"] > times["cluster:events"]


def test_a_snapshot_of_somebody_else_under_our_name_is_never_adopted(night: Stage) -> None:
    rds, run = night.control.witness("rds", HOME), night.start(night.book(BOOK))
    from chalicelib.actions.rds_points import snapshot_name
    from chalicelib.domain.change import effect_id

    taken = snapshot_name(effect_id(run.run_id, "snapshots", "db:accounts"))
    rds.create_db_snapshot(DBSnapshotIdentifier=taken, DBInstanceIdentifier="accounts")
    night.control.settle()
    found = night.drive(run)
    said = step(found, "snapshots")
    assert (found.state, said.state) == (RunState.FAILED, StepState.PARTIAL)
    [failure] = said.failures
    assert (failure.resource, failure.code) == ("db:accounts", "action.name_taken")
    assert set(snapshots(night, AWAY, found.run_id)) == EVERY - {"db:accounts"}


def test_encrypted_snapshots_without_a_key_are_refused_before_the_first_copy(night: Stage) -> None:
    steps = [dict(line) for line in night.book(BOOK).model_dump(mode="json", by_alias=True)["steps"]]
    steps[1]["with"] = {key: value for key, value in steps[1]["with"].items() if key != "kms_key"}
    found = night.run(night.book(BOOK, steps=steps))
    said = step(found, "copies")
    assert (said.code, "cluster:events" in said.message, "kms_key" in said.message) == (
        "action.key_required",
        True,
        True,
    )
    assert snapshots(night, AWAY) == {}


def test_a_full_quota_of_manual_snapshots_is_told_apart_and_said_with_advice(night: Stage) -> None:
    night.control.weather(rds={"manual_snapshots": 1})
    found = night.run(night.book(BOOK))
    failures = {one.resource: one for one in step(found, "snapshots").failures}
    assert set(failures) == {"db:orders"} or set(failures) == {"db:accounts"} or len(failures) == 2
    assert {one.code for one in failures.values()} == {"action.quota_full"}
    assert all("rds.expire_snapshots" in one.message for one in failures.values())


def test_members_and_names_that_are_not_there_are_named(night: Stage) -> None:
    select = {"instances": ["events-1", "nope"], "clusters": ["events"]}
    steps = [{"id": "snapshots", "uses": "rds.create_snapshots", "with": {"select": select, "policy": "x"}}]
    found = night.run(night.book(BOOK, steps=steps, verify=[]))
    failures = {one.resource: one.code for one in step(found, "snapshots").failures}
    assert failures == {"db:events-1": "action.cluster_member", "db:nope": "action.resource_missing"}
    assert set(snapshots(night, HOME, found.run_id)) == {"cluster:events"}


def test_a_copy_that_aws_gives_up_fails_by_name_and_the_rest_is_copied(night: Stage) -> None:
    night.control.weather(rds={"fail_copies": ["orders"]})
    found = night.run(night.book(BOOK))
    [failure] = step(found, "copies").failures
    assert (failure.resource, failure.code) == ("db:orders", "action.snapshot_failed")
    away = {key: one["Status"] for key, one in snapshots(night, AWAY, found.run_id).items()}
    assert away == {"db:orders": "failed", "db:accounts": "available", "cluster:events": "available"}


def test_a_word_of_rds_that_says_no_failure_is_waited_for(night: Stage) -> None:
    night.control.weather(rds={"upgrading": ["orders"]})
    run = night.start(night.book(BOOK))
    until = night.control.now() + timedelta(hours=1, minutes=30)

    def upgraded() -> None:
        if night.control.now() > until:
            night.control.weather(rds={"upgrading": []})

    found = night.drive(run, between=upgraded)
    assert found.state is RunState.SUCCEEDED, found.message
    assert night.control.now() > until
    everything_is_there(night, found.run_id)


def automated(stage: Stage, database: str) -> str:
    rds = stage.control.witness("rds", HOME)
    if database == "events":
        [*_, found] = rds.describe_db_cluster_snapshots(SnapshotType="automated")["DBClusterSnapshots"]
        return str(found["DBClusterSnapshotIdentifier"])
    [*_, found] = rds.describe_db_snapshots(SnapshotType="automated", DBInstanceIdentifier=database)["DBSnapshots"]
    return str(found["DBSnapshotIdentifier"])


def copied_by_name(stage: Stage, *names: str, **more: Any) -> RunRecord:
    asked = {"snapshots": list(names), "to_region": AWAY, "kms_key": "alias/recovery", **more}
    return stage.run(stage.book(BOOK, steps=[{"id": "copies", "uses": "rds.copy_snapshots", "with": asked}], verify=[]))


def test_automated_snapshots_can_be_copied_by_name_and_get_what_a_restore_needs(night: Stage) -> None:
    night.control.weather(rds={"automated": True})
    night.control.advance(2 * 86_400)
    accounts, events = automated(night, "accounts"), automated(night, "events")
    found = copied_by_name(night, f"snapshot:{accounts}", f"cluster-snapshot:{events}", "snapshot:nope")
    assert [one.resource for one in step(found, "copies").failures] == ["snapshot:nope"]
    copies = snapshots(night, AWAY, found.run_id)
    copy = copies["db:accounts"]
    rds = night.control.witness("rds", HOME)
    [source] = rds.describe_db_snapshots(DBSnapshotIdentifier=accounts)["DBSnapshots"]
    assert copy["SourceDBSnapshotIdentifier"] == source["DBSnapshotArn"]
    assert copy["tags"][tags.POINT] == tags.iso(source["SnapshotDatabaseTime"])
    assert tags_of({"Tags": copy["TagList"]})[tags.SOURCE_REGION] == HOME
    assert copy["tags"]["backup"] == "nightly"
    instance, cluster = (tags.database_manifest_of(copies[one]["tags"]) for one in ("db:accounts", "cluster:events"))
    assert instance is not None
    assert cluster is not None
    assert (instance.instance_class, instance.parameter_group) == ("db.r6g.large", "accounts-params")
    assert [m.parameter_group for m in cluster.members] == ["events-1-params", "events-2-params"]


def test_copies_of_what_has_no_policy_get_one_and_are_then_counted_and_expired(night: Stage) -> None:
    night.control.weather(rds={"automated": True})
    night.control.advance(2 * 86_400)
    name = f"snapshot:{automated(night, 'accounts')}"
    plain = copied_by_name(night, name)
    assert any("belong to no policy" in note and name in note for note in step(plain, "copies").notes)
    [ownerless] = snapshots(night, AWAY, plain.run_id).values()
    assert tags.POLICY not in ownerless["tags"]
    night.control.advance(60)
    expiry = {"select": {"policy": "weekly"}, "regions": [AWAY], "keep": {"last": 1}}
    found = night.run(
        night.book(
            BOOK,
            steps=[
                {
                    "id": "copies",
                    "uses": "rds.copy_snapshots",
                    "with": {"snapshots": [name], "to_region": AWAY, "policy": "weekly", "expires": "10d"},
                },
                {
                    "id": "points",
                    "uses": "check.database_points",
                    "with": {"select": {"instances": ["accounts"]}, "regions": [AWAY], "since": "2d"},
                },
                {"id": "retention", "uses": "rds.expire_snapshots", "with": expiry},
            ],
            verify=[],
        ),
        "k2",
    )
    assert exit_code(found) == 0, found.message
    assert not any("belong to no policy" in note for note in step(found, "copies").notes)
    [copy] = (one for one in all_snapshots(night, AWAY) if one["tags"].get(tags.RUN) == found.run_id)
    assert copy["tags"][tags.POLICY] == "weekly"
    until = tags.point_time(copy["tags"][tags.EXPIRES])
    assert until is not None
    assert timedelta(0) <= until - found.times.started_at - timedelta(days=10) < timedelta(hours=1)
    assert any("kept by hand until" in note for note in step(found, "retention").notes)


def test_tags_that_find_no_room_beside_lifeboats_own_are_told(night: Stage) -> None:
    rds = night.control.witness("rds", HOME)
    more = [{"Key": f"z{number:02}", "Value": "x"} for number in range(46)]
    rds.add_tags_to_resource(ResourceName=f"arn:aws:rds:{HOME}:123456789012:db:accounts", Tags=more)
    found = night.run(night.book(BOOK))
    assert exit_code(found) == 0, found.message
    for name, what in (("snapshots", "snapshot"), ("copies", "copy")):
        [note] = [note for note in step(found, name).notes if "no room for the tags" in note]
        assert note.startswith("db:accounts: ")
        assert note.endswith(f"z45 on its {what}.")
    copy = snapshots(night, AWAY, found.run_id)["db:accounts"]
    assert len(copy["tags"]) == 50
    assert tags.database_manifest_of(copy["tags"]) is not None


def test_a_copy_that_cannot_know_what_its_restore_needs_says_so(night: Stage) -> None:
    night.control.weather(rds={"automated": True})
    night.control.advance(2 * 86_400)
    name = automated(night, "accounts")
    night.control.estate("databases")  # the same names again, with ids of their own: the old ones are gone
    found = copied_by_name(night, f"snapshot:{name}")
    assert exit_code(found) == 0
    assert any(f"snapshot:{name}" in note and "restore needs" in note for note in step(found, "copies").notes)
    [copy] = snapshots(night, AWAY, found.run_id).values()
    assert tags.database_manifest_of(copy["tags"]) is None


def test_a_database_deleted_and_made_again_between_plan_and_effect_is_not_taken_for_the_old_one(night: Stage) -> None:
    night.control.weather(rds={"fail_snapshots": []})
    run = night.start(night.book(BOOK))
    action: Any = night.services.actions["rds.create_snapshots"]
    plan = action.plan

    def replaced(*args: Any) -> Any:
        made = plan(*args)
        night.control.estate("databases")  # the same names again, with ids of their own
        return made

    action.plan = replaced
    try:
        found = night.drive(run)
    finally:
        del action.plan
    assert {one.code for one in step(found, "snapshots").failures} == {"action.conflict"}
    assert snapshots(night, HOME, found.run_id) == {}
