"""ebs.keep_fast_restore: the newest points of what must be back soon are fast, before anything happens.

Sources: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_EnableFastSnapshotRestores.html,
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DisableFastSnapshotRestores.html (both answer 200 with a
list of what was not successful) and https://docs.aws.amazon.com/ebs/latest/userguide/manage-fsr-enable.html. Neither
takes a token or needs one: what is on is on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from chalicelib.actions.base import Action, ActionModel, ApiCall, Review, StepContext, Undo
from chalicelib.actions.ebs_fast_changes import turning_off
from chalicelib.actions.ebs_fast_given import KeepFastInput, KeepFastOutput
from chalicelib.actions.ebs_fast_plan import planned
from chalicelib.actions.ebs_fast_watch import begun, pair_of, reviewed, watched
from chalicelib.aws import tags
from chalicelib.aws.fast_restores import accepted, refusal
from chalicelib.aws.sending import send
from chalicelib.domain.change import Change, Effect, EffectState, Plan
from chalicelib.errors import ActionError, ErrorKind


class KeepFastRestore(Action[KeepFastInput]):
    """Keep fast snapshot restore on for the newest complete set of each instance, zone by zone.

    Sizes are GiB, rates MiB/s, times UTC. AWS takes an hour per TiB to enable it, no less than reading a volume in:
    it is of use only when it was on before the disaster. A volume gets it that even 300 MiB/s cannot read in within
    `initialised_within`, or with `which: selected` every one. A change is done when AWS shows `enabled`. Only then, and
    once the new point has had time for its first credit, is it disabled for the older points of the same volume and
    policy, and only where Lifeboat's tag and the time that AWS shows say that Lifeboat enabled it. What a person or
    another service enabled is used, and left on.

    Old and new snapshots both count towards the quota while they change over. Where there is no room for both, volumes
    wait for each other; a volume for which there is no room at all fails, and keeps what it has.
    """

    name: ClassVar[str] = "ebs.keep_fast_restore"
    given: ClassVar[type[ActionModel]] = KeepFastInput
    returns: ClassVar[type[ActionModel]] = KeepFastOutput
    permissions: ClassVar[tuple[str, ...]] = (
        "ec2:DescribeAvailabilityZones",
        "ec2:DescribeFastSnapshotRestores",
        "ec2:DescribeSnapshots",
        "ec2:DescribeVolumes",
        "ec2:CreateTags",
        "ec2:DisableFastSnapshotRestores",
        "ec2:EnableFastSnapshotRestores",
        "kms:DescribeKey",
    )
    within: ClassVar[timedelta] = timedelta(hours=20)
    review_every_s: ClassVar[int | None] = 0
    lease: ClassVar[str | None] = "fast-restore"
    calls: ClassVar[str] = (
        "Plan: DescribeAvailabilityZones and DescribeFastSnapshotRestores once, DescribeVolumes per 500, "
        "DescribeSnapshots twice per 199 volumes (again per 200 sets that are not selected whole, and once for others "
        "that are fast), DescribeKey per key. Review: DescribeFastSnapshotRestores once, DescribeSnapshots per 200. "
        "Apply, per snapshot and zone: CreateTags and EnableFastSnapshotRestores, or DisableFastSnapshotRestores. "
        "Observe: DescribeFastSnapshotRestores once."
    )

    def plan(self, given: KeepFastInput, ctx: StepContext) -> Plan:
        return planned(given, ctx)

    def observe(self, asked: Sequence[tuple[Change, Effect]], ctx: StepContext) -> Mapping[str, Effect]:
        return watched(asked, ctx)

    def review(self, changes: Sequence[Change], needs: Mapping[str, Effect], ctx: StepContext) -> Mapping[str, Review]:  # noqa: ARG002 - what came before is read again
        return reviewed(changes, ctx)

    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:  # noqa: ARG002
        if change.params["do"] == "nothing":
            return begun(change, ctx.now, adopted=True).moved(EffectState.DONE, ctx.now, due=None)
        for call in self.calls_for(change, ctx):
            _send(call, change, ctx)
        return begun(change, ctx.now, adopted=change.params["do"] == "wait")

    def calls_for(self, change: Change, ctx: StepContext) -> Sequence[ApiCall]:
        snapshot, zone = pair_of(change)
        both = {"AvailabilityZones": [change.params["zone"]], "SourceSnapshotIds": [snapshot]}
        if change.params["do"] == "disable":
            return (ApiCall("ec2", "DisableFastSnapshotRestores", change.region, both),)
        if change.params["do"] != "enable":
            return ()
        enable = ApiCall("ec2", "EnableFastSnapshotRestores", change.region, both)
        if change.params.get("tagged"):
            return (enable,)
        own = tags.listed({f"{tags.FAST_RESTORE}{zone}": tags.iso(ctx.now)})  # first: what is on must never be nobody's
        return (ApiCall("ec2", "CreateTags", change.region, {"Resources": [snapshot], "Tags": own}), enable)

    def undo(self, change: Change, effect: Effect, ctx: StepContext) -> Undo:  # noqa: ARG002
        if change.params["do"] == "enable":
            return Undo(by=self.name, changes=(turning_off(change),))
        if change.params["do"] == "wait":
            return Undo()
        return Undo(
            cannot=f"Fast snapshot restore of {change.resource} was disabled in {change.params['zone_id']}. Enable it "
            "by hand if it is needed: that takes an hour per TiB."
        )

    def outputs(
        self,
        given: KeepFastInput,  # noqa: ARG002
        made: Sequence[tuple[Change, Effect]],
        ctx: StepContext,  # noqa: ARG002
    ) -> dict[str, Any]:
        done = [change for change, effect in made if effect.state is EffectState.DONE]
        each = {do: {one.resource for one in done if one.params["do"] == do} for do in ("enable", "disable")}
        return {"enabled": sorted(each["enable"]), "disabled": sorted(each["disable"])}


def _send(call: ApiCall, change: Change, ctx: StepContext) -> None:
    """Send one call, and read what its answer says of the pair."""
    what = f"{change.resource} of {change.params['volume']}"
    try:
        answer = send(ctx.aws, call.service, call.region, call.operation, call.params, what)
    except ActionError as error:
        if error.kind is not ErrorKind.AT_CAPACITY:
            raise
        raise refusal(str(error.details["aws_code"]), error.message, change.resource, call.region) from error
    if call.operation != "CreateTags":
        accepted(answer, change.resource, call.region)
