"""check.recovery_points on the sandbox: what counts as a usable point, and how it is found."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.actions.base import StepContext, Verdict
from chalicelib.actions.ebs_copies import CopySnapshots, CopySnapshotsInput
from chalicelib.actions.ebs_snapshots import CreateSnapshots, CreateSnapshotsInput
from chalicelib.actions.recovery_points import RecoveryPoints, RecoveryPointsInput
from chalicelib.domain.change import Finding
from chalicelib.errors import InputError
from tests.unit.actions.world import AWAY, HOME, NIGHTLY, World, items_from, needs_from, tags_of

CHECK = RecoveryPoints()
CREATE = CreateSnapshots()
COPY = CopySnapshots()


def backed_up(world: World, select: dict[str, Any] | None = None, *, away: bool = False) -> StepContext:
    """Back up, copy if asked to, and return the context of the run."""
    ctx = world.ctx()
    plan = CREATE.plan(CreateSnapshotsInput.model_validate({"select": select or NIGHTLY, "policy": "nightly"}), ctx)
    effects = world.carried_out(CREATE, plan, ctx)
    if away:
        to = {"to_region": AWAY, "kms_key": "alias/recovery"}
        given = CopySnapshotsInput.model_validate({"snapshots": items_from(plan, effects), **to})
        copies = world.ctx(step_id="copies")
        world.carried_out(COPY, COPY.plan(given, copies), copies, needs_from(effects))
    return ctx


def checked(world: World, ctx: StepContext, select: dict[str, Any] | None = None, **more: Any) -> Verdict:
    given = {"select": select or NIGHTLY, "since": "run.start", **more}
    return CHECK.check(RecoveryPointsInput.model_validate(given), world.later(ctx, 0))


def bad(verdict: Verdict) -> dict[tuple[str, str], Finding]:
    return {(f.resource, f.region): f for f in verdict.findings if not f.ok}


def test_after_a_backup_every_volume_is_well_in_both_regions(world: World) -> None:
    ctx = backed_up(world, away=True)
    verdict = checked(world, ctx, regions=[HOME, AWAY])
    assert bad(verdict) == {}
    wanted = {(volume, region) for volume in world.estate["protected"] for region in (HOME, AWAY)}
    assert {(f.resource, f.region) for f in verdict.findings} == wanted
    assert verdict.outputs["ok"] is True
    assert verdict.outputs["points"] == len(wanted)


def test_the_age_counts_from_the_point_in_time_not_from_the_copy(world: World) -> None:
    ctx = backed_up(world, away=True)
    verdict = checked(world, ctx, regions=[AWAY])
    expected = int((world.clock.now() - ctx.now).total_seconds())
    assert verdict.outputs["rpo_s"] == pytest.approx(expected, abs=2)
    assert verdict.outputs["worst_age_s"] == verdict.outputs["rpo_s"]


def test_before_any_backup_nothing_is_well_and_the_rpo_is_unknown(world: World) -> None:
    verdict = checked(world, world.ctx())
    assert len(bad(verdict)) == len(world.estate["protected"])
    assert {f.code for f in verdict.findings} == {"check.no_point"}
    assert verdict.outputs == {"ok": False, "worst_age_s": None, "points": 0, "rpo_s": None}


def test_a_snapshot_that_is_not_lifeboats_does_not_count(world: World) -> None:
    archive = world.estate["names"]["archive"]
    world.truth().create_snapshot(VolumeId=archive)
    world.control.settle()
    verdict = checked(world, world.ctx(), {"volumes": [archive]})
    assert bad(verdict)[archive, HOME].code == "check.no_point"


def test_a_point_from_before_the_run_does_not_count_for_the_run(world: World) -> None:
    backed_up(world)
    verdict = checked(world, world.ctx("a-later-run"))
    assert {f.code for f in verdict.findings} == {"check.point_too_old"}
    assert verdict.outputs["worst_age_s"] is not None  # the points are there


def test_an_age_and_the_objective_are_limits(world: World) -> None:
    ctx = world.later(backed_up(world), 7200)
    assert bad(checked(world, ctx, since="4h")) == {}
    assert len(bad(checked(world, ctx, since="1h"))) == len(world.estate["protected"])
    objective = world.ctx(rpo=timedelta(hours=1))
    assert len(bad(checked(world, objective, since="objective"))) == len(world.estate["protected"])


def test_an_objective_that_is_not_stated_is_an_input_error(world: World) -> None:
    with pytest.raises(InputError) as caught:
        checked(world, world.ctx(), since="objective")
    assert caught.value.code == "check.no_objective"


def test_a_set_that_lost_a_member_counts_for_none_of_its_volumes(world: World) -> None:
    ctx, names = backed_up(world), world.estate["names"]
    lost = next(s for s in world.points() if s["VolumeId"] == names["web-1/sdf"])
    world.truth().delete_snapshot(SnapshotId=lost["SnapshotId"])
    verdict = checked(world, ctx)
    assert {volume for volume, _ in bad(verdict)} == {names["web-1/sdf"], names["web-1/xvda"]}
    assert "only 1 can be used" in bad(verdict)[names["web-1/xvda"], HOME].message


def test_members_that_are_not_selected_are_read_by_their_set(world: World) -> None:
    ctx, names = backed_up(world), world.estate["names"]
    world.control.reset_calls()
    verdict = checked(world, ctx, {"volumes": [names["web-1/xvda"]]})
    assert bad(verdict) == {}
    assert world.calls()["DescribeSnapshots"] == 2


def test_an_older_point_is_used_when_the_newest_is_still_pending(world: World) -> None:
    archive = world.estate["names"]["archive"]
    select = {"volumes": [archive]}
    backed_up(world, select)
    ctx = world.ctx("second")
    plan = CREATE.plan(CreateSnapshotsInput.model_validate({"select": select, "policy": "nightly"}), ctx)
    CREATE.apply(plan.changes[0], {}, ctx)
    ctx = world.later(ctx, 40)
    [finding] = checked(world, ctx, select, since="24h").findings
    assert finding.ok
    assert "A newer one, " in finding.message
    assert "is pending" in finding.message


@pytest.mark.parametrize("state", ["Disabled", "PendingDeletion"])
def test_points_whose_key_cannot_be_used_do_not_count(world: World, state: str) -> None:
    ctx = backed_up(world, away=True)
    kms, key = world.truth(AWAY, "kms"), world.estate["keys"]["alias/recovery"]
    if state == "Disabled":
        kms.disable_key(KeyId=key)
    else:
        kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    verdict = checked(world, ctx, regions=[HOME, AWAY])
    assert {region for _, region in bad(verdict)} == {AWAY}
    assert all(f"which is {state}" in finding.message for finding in bad(verdict).values())


def test_volumes_that_do_not_exist_are_findings_and_the_others_are_judged(world: World) -> None:
    archive = world.estate["names"]["archive"]
    ctx = backed_up(world, {"volumes": [archive]})
    verdict = checked(world, ctx, {"volumes": [archive, "vol-00000000"]})
    assert [(f.resource, f.ok) for f in verdict.findings] == [(archive, True), ("vol-00000000", False)]
    assert verdict.outputs["rpo_s"] is None


def test_a_check_that_selects_nothing_is_an_input_error(world: World) -> None:
    with pytest.raises(InputError) as caught:
        checked(world, world.ctx(), {"tags": {"backup": "hourly"}})
    assert caught.value.code == "action.nothing_selected"


def test_a_check_reads_in_few_calls(world: World) -> None:
    ctx = backed_up(world, away=True)
    world.control.reset_calls()
    checked(world, ctx, regions=[HOME, AWAY])
    assert world.calls() == {
        "DescribeAvailabilityZones": 1,
        "DescribeVolumes": 1,
        "DescribeSnapshots": 2,
        "DescribeKey": 2,
    }


def test_a_point_whose_time_tag_was_destroyed_counts_from_its_start(world: World) -> None:
    archive = world.estate["names"]["archive"]
    ctx = backed_up(world, {"volumes": [archive]})
    [point] = world.points()
    world.truth().create_tags(Resources=[point["SnapshotId"]], Tags=[{"Key": "lifeboat:point", "Value": "yesterday"}])
    world.control.settle()
    assert tags_of(world.points()[0])["lifeboat:point"] == "yesterday"
    [finding] = checked(world, ctx, {"volumes": [archive]}).findings
    assert finding.facts["point"] == point["StartTime"].strftime("%Y-%m-%dT%H:%M:%SZ")
