"""ebs.expire_snapshots: deletes what retention does not keep.

Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSnapshot.html. The call takes no token and
needs none: what is gone is gone. Deleting a snapshot never harms later ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from pydantic import Field

from chalicelib.actions.base import Action, ActionModel, ApiCall, Review, StepContext
from chalicelib.actions.ebs_expiry_plan import changes_of, notes_of
from chalicelib.actions.ebs_expiry_review import reviewed
from chalicelib.actions.ebs_stored import gone_volumes, stored_points
from chalicelib.actions.expiry import ExpireSnapshotsInput, decided, nothing
from chalicelib.aws import listing
from chalicelib.aws.holds import bin_note, held
from chalicelib.aws.sending import send
from chalicelib.domain.change import Change, Effect, EffectState, Plan
from chalicelib.domain.point_sets import Stored
from chalicelib.domain.retention import Retention
from chalicelib.domain.schedule import zone_of
from chalicelib.errors import ActionError

MISSING = "InvalidSnapshot.NotFound"


class ExpireSnapshotsOutput(ActionModel):
    """What was deleted."""

    deleted: int = Field(description="Snapshots deleted.")
    volumes: int = Field(description="Volumes whose points they were.")


class ExpireSnapshots(Action[ExpireSnapshotsInput]):
    """Delete the points of a policy that nothing keeps, whole sets at a time, oldest first.

    No quantities; times are UTC, days and months those of the time zone. Kept is, whatever `keep` says: the newest good
    point of each volume in each Region, the newest copy in each Region, what is being made or copied (or, for 7 days,
    may yet be), what is locked, archived, being restored, part of an image or tagged `lifeboat:hands-off`, and what
    does not carry Lifeboat's own tags. A point that a person tagged `lifeboat:expires` (a UTC time such as
    2031-01-31T03:00:00Z) is kept until then and counts as no generation. The plan tells the reason for every snapshot.

    The guard's share is of the policy's points; its targets are their volumes. Deleting what is gone already is done.
    """

    name: ClassVar[str] = "ebs.expire_snapshots"
    given: ClassVar[type[ActionModel]] = ExpireSnapshotsInput
    returns: ClassVar[type[ActionModel]] = ExpireSnapshotsOutput
    permissions: ClassVar[tuple[str, ...]] = (
        "ec2:DescribeSnapshots",
        "ec2:DescribeVolumes",
        "ec2:DescribeImages",
        "ec2:DescribeLockedSnapshots",
        "ec2:DeleteSnapshot",
        "kms:DescribeKey",
        "rbin:ListRules",
    )
    within: ClassVar[timedelta] = timedelta(hours=12)
    settle_s: ClassVar[int | None] = 0  # a deletion may be sent again at once
    review_every_s: ClassVar[int | None] = 0
    calls: ClassVar[str] = (
        "Plan, per Region: DescribeSnapshots per 1,000 points; for what is to be deleted DescribeImages per 200, "
        "DescribeLockedSnapshots, DescribeVolumes (those being made) and ListRules once, DescribeSnapshots (running "
        "copies) once in each other Region; DescribeKey per key. Before each 200 deletions the same again but for the "
        "points, with DescribeSnapshots per 200 sets, and per 200 snapshots that are in none any more. Apply: "
        "DeleteSnapshot per snapshot. Observe, only when an answer was lost: DescribeSnapshots per 200."
    )

    def plan(self, given: ExpireSnapshotsInput, ctx: StepContext) -> Plan:
        stored = stored_points(given.select.policy, given.regions, ctx)
        if not stored:
            raise nothing(given)
        rule = Retention(
            keep=given.keep,
            now=ctx.now,
            zone=zone_of(given.timezone or ctx.timezone),
            gone=gone_volumes(stored, given.regions, ctx) if given.orphans else frozenset(),
            orphans=given.orphans,
        )
        decisions = decided(rule, stored, lambda going: _held(going, given.regions, ctx))
        changes = changes_of(decisions, given.select.policy, given.regions)
        bins = [bin_note(ctx.aws, region) for region in sorted({change.region for change in changes})]
        return Plan(
            changes=tuple(changes),
            notes=(*bins, *notes_of(decisions, rule.zone)),
            population=sum(one.ours for one in stored),
        )

    def observe(self, asked: Sequence[tuple[Change, Effect]], ctx: StepContext) -> Mapping[str, Effect]:
        found: dict[str, Effect] = {}
        for region in sorted({change.region for change, _ in asked}):
            here = {change.key: effect for change, effect in asked if change.region == region}
            listed = listing.snapshots_by(ctx.aws, region, "snapshot-id", sorted(here), {})
            shown = {snapshot["SnapshotId"] for snapshot in listed}
            for key in here.keys() - shown:
                found[key] = here[key].moved(EffectState.DONE, ctx.now, id=key, adopted=True)
        return found

    def review(self, changes: Sequence[Change], needs: Mapping[str, Effect], ctx: StepContext) -> Mapping[str, Review]:  # noqa: ARG002 - nothing comes before a deletion
        return reviewed(changes, ctx)

    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:  # noqa: ARG002
        try:
            [call] = self.calls_for(change, ctx)
            what = f"{change.key} of {change.params['volume_id']}"
            send(ctx.aws, call.service, call.region, call.operation, call.params, what)
        except ActionError as error:
            if error.details.get("aws_code") != MISSING:
                raise
            return Effect(state=EffectState.DONE, id=change.key, at=ctx.now, adopted=True)
        return Effect(state=EffectState.DONE, id=change.key, at=ctx.now)

    def calls_for(self, change: Change, ctx: StepContext) -> Sequence[ApiCall]:  # noqa: ARG002
        return (ApiCall("ec2", "DeleteSnapshot", change.region, {"SnapshotId": change.key}),)

    def outputs(
        self,
        given: ExpireSnapshotsInput,  # noqa: ARG002
        made: Sequence[tuple[Change, Effect]],
        ctx: StepContext,  # noqa: ARG002
    ) -> dict[str, Any]:
        lost = {EffectState.FAILED, EffectState.MOOT, EffectState.CONFLICT}
        deleted = [change for change, effect in made if effect.state not in lost]
        return {"deleted": len(deleted), "volumes": len({target for one in deleted for target in one.targets})}


def _held(going: Sequence[Stored], regions: Sequence[str], ctx: StepContext) -> dict[str, str]:
    holds: dict[str, str] = {}
    for region in sorted(set(regions)):
        holds |= held(ctx.aws, region, [one.id for one in going if one.point.region == region], regions)
    return holds
