"""All snapshots of databases of a policy, read as retention looks at them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from chalicelib.actions.base import StepContext
from chalicelib.actions.rds_points import point_of, snapshot_name, source_id
from chalicelib.aws import tags
from chalicelib.aws.databases import KINDS, DatabaseSnapshot, databases, snapshots
from chalicelib.aws.keys import key_problem
from chalicelib.domain.point_sets import Stored

OWN = (tags.EFFECT, tags.RUN, tags.SET, tags.SET_SIZE, tags.POINT, tags.SOURCE_DATABASE)
SKEW = timedelta(minutes=15)  # clocks differ by less than this


@dataclass(frozen=True)
class Shelves:
    """The manual snapshots of some Regions, and which of them are a policy's.

    Attributes:
        every: All, whoever's.
        stored: Those that carry the policy's tag.
    """

    every: tuple[DatabaseSnapshot, ...]
    stored: tuple[Stored, ...]

    @property
    def listed(self) -> set[tuple[str, str]]:
        """All snapshots' Regions and resource parts of their ARNs."""
        return {(one.region, one.resource) for one in self.every}


def stored_points(policy: str, regions: Sequence[str], ctx: StepContext) -> Shelves:
    """Return every manual snapshot, and those that carry a policy's tag, in a paged listing per Region and kind.

    RDS cannot filter by tag, so all manual snapshots are listed: 100 of each kind, unless the quota was raised.

    Raises:
        ActionError: AWS refused a read.
    """
    every: list[DatabaseSnapshot] = []
    found: list[Stored] = []
    for region in sorted(set(regions)):
        listed = [one for kind in KINDS for one in snapshots(ctx.aws, region, kind)]
        every += listed
        here = [read(one, ctx) for one in listed if one.tags.get(tags.POLICY) == policy]
        found += _with_keys([one for one in here if one], region, ctx)
    return Shelves(tuple(every), tuple(_under_one_name(found)))


def _under_one_name(stored: Sequence[Stored]) -> list[Stored]:
    """Give all points of a database the name that it has in its newest one: renaming it makes it no other database."""
    names = {source_id(one.point.volume_id): one.point.volume_id for one in sorted(stored, key=lambda s: s.point.at)}
    named = [(one, names[source_id(one.point.volume_id)]) for one in stored]
    return [replace(one, point=one.point.model_copy(update={"volume_id": name})) for one, name in named]


def read(snapshot: DatabaseSnapshot, ctx: StepContext) -> Stored | None:
    """Return one snapshot, aged by when the original was taken; None when nothing at all says when that was.

    What does not carry all of Lifeboat's own tags, readable, is not taken for Lifeboat's; nor is what is not named
    after its effect: a person's copy of one of Lifeboat's may have all its tags, but never its name.
    """
    point = point_of(snapshot)
    if point is None:
        return None
    own, began = snapshot.tags, snapshot.began or ctx.now
    at = point.taken or point.at
    expires = tags.point_time(own.get(tags.EXPIRES, ""))
    late = at > min(began, ctx.now) + SKEW  # it cannot show a later moment than the one it was begun at
    foreign = late or any(not own.get(tag) for tag in OWN) or tags.point_time(own.get(tags.POINT, "")) is None
    foreign = foreign or snapshot.name != snapshot_name(own[tags.EFFECT])
    return Stored(
        point=point.model_copy(update={"at": at}),
        began=began,
        copy_of=own.get(tags.SOURCE_SNAPSHOT, ""),
        copied_from=own.get(tags.SOURCE_REGION, ""),
        expires=expires,
        hold=_hold(own, foreign=foreign, unreadable=tags.EXPIRES in own and expires is None),
        ours=not foreign,
    )


def _hold(own: object, *, foreign: bool, unreadable: bool) -> str:
    if isinstance(own, dict) and tags.HANDS_OFF in own:
        return f"is tagged {tags.HANDS_OFF}"
    if foreign:
        return "does not carry Lifeboat's own tags and name as Lifeboat writes them: somebody else made or changed it"
    return f"has a tag {tags.EXPIRES} that is not written like 2031-01-31T03:00:00Z" if unreadable else ""


def _with_keys(stored: Iterable[Stored], region: str, ctx: StepContext) -> list[Stored]:
    every = list(stored)
    keys = {one.point.kms_key for one in every if one.point.kms_key}
    problems = {key: key_problem(ctx.aws, region, key) or "" for key in sorted(keys)}
    return [replace(one, key_problem=problems.get(one.point.kms_key or "", "")) for one in every]


def gone_databases(stored: Iterable[Stored], regions: Iterable[str], ctx: StepContext) -> frozenset[str]:
    """Return the databases that exist in none of the Regions where their points are or came from, under any name.

    Raises:
        ActionError: AWS refused a read: what cannot be looked for is not gone.
    """
    every = list(stored)
    there = {
        one.resource_id
        for region in sorted({*regions, *(one.copied_from for one in every if one.copied_from)})
        for kind in KINDS
        for one in databases(ctx.aws, region, kind)
    }
    known = {one.point.volume_id for one in every if not one.point.volume_id.endswith("/")}
    return frozenset(one for one in known if source_id(one) not in there)
