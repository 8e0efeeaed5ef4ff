"""Gives restored volumes the tags of those that they stand in for, and tells what is only on the old ones.

RunInstances gives all new volumes the same tags: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from chalicelib.actions.base import ApiCall, StepContext
from chalicelib.actions.ec2_parts import Asked, Part, found_in
from chalicelib.aws import listing, tags
from chalicelib.aws.errors import translated
from chalicelib.domain.change import Change, Effect, EffectState
from chalicelib.domain.types import format_duration


class VolumeTags(Part):
    """Gives the new volumes the tags of the old ones, and says which they stand in for."""

    def apply(self, change: Change, needs: Mapping[str, Effect], ctx: StepContext) -> Effect:
        volumes: dict[str, str] = dict(found_in(needs, "volumes") or {})
        for old, new in sorted(volumes.items()):
            with translated(f"tags of {new}", sends=True):
                ctx.aws.ec2(change.region, "once").create_tags(Resources=[new], Tags=_wanted(change, old))
        return Effect(state=EffectState.DONE, id=change.resource, at=ctx.now)

    def watch(self, asked: Asked, ctx: StepContext) -> Mapping[str, Effect]:
        """Find the volumes by what they stand in for: tagging is done when all of them say so."""
        every = sorted({old for change, _ in asked for old in _each(change)})
        wanted = {f"tag:{tags.RUN}": [ctx.run_id]}
        listed = listing.volumes_by(ctx.aws, asked[0][0].region, f"tag:{tags.RESTORED}", every, wanted)
        tagged = {tags.of(volume)[tags.RESTORED] for volume in listed}
        return {
            change.key: effect.moved(EffectState.DONE, ctx.now, id=change.resource)
            for change, effect in asked
            if set(_each(change)) <= tagged
        }

    def calls(self, change: Change, ctx: StepContext) -> Sequence[ApiCall]:  # noqa: ARG002
        return [
            ApiCall(
                "ec2",
                "CreateTags",
                change.region,
                {"Resources": [f"<restored {old}>"], "Tags": _wanted(change, old)},
            )
            for old in sorted(_each(change))
        ]


def _each(change: Change) -> dict[str, dict[str, str]]:
    known: Any = change.params["tags"]
    return {str(old): dict(user) for old, user in known.items()}


def _wanted(change: Change, old: str) -> Any:
    merged, _ = tags.merged({tags.RESTORED: old}, _each(change).get(old, {}))
    room = tags.TAGS_PER_RESOURCE - 2  # the effect and the run are there already
    return tags.listed(dict(sorted(merged.items(), key=lambda tag: tag[0] != tags.RESTORED)[:room]))


def divergence(point: str, since: datetime) -> str:
    """Return the sentence about what was written between the point and the beginning of the trouble."""
    at = tags.point_time(point)
    if at is None:
        return ""
    return (
        f"What was written from {at:%Y-%m-%d %H:%M:%S} to {since:%Y-%m-%d %H:%M:%S} UTC "
        f"({format_duration(since - at)}) is on the old volumes only."
    )
