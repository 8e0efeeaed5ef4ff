"""The API's verb about recovery points: what there is to restore from, in one Region."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from chalicelib.actions.ebs_points import point_of as volume_point
from chalicelib.actions.rds_points import point_of as database_point
from chalicelib.api.answers import Points, PointShown
from chalicelib.api.paging import bad_next, place, token
from chalicelib.api.problems import RequestError
from chalicelib.api.service import Request, Serves
from chalicelib.aws import listing, tags
from chalicelib.aws.databases import KINDS, kind_and_name, snapshots
from chalicelib.domain.recovery_point import Point
from chalicelib.engine.ports import Clock
from chalicelib.errors import ActionError

PAGE_OF_EC2 = range(5, 1001)
NOT_A_TOKEN = frozenset({"InvalidNextToken", "InvalidPaginationToken", "InvalidParameterValue", "InvalidParameter"})
DATABASES = 1  # the part of the list after the volumes'


def list_points(service: Serves, request: Request) -> Points:
    """List snapshots that carry a policy's tag, first of volumes and then of databases, in pages.

    Each is judged by itself; whether its set is complete and its keys can be used is what the checks find out.
    """
    asked, region = request.asked, _region(service, request.asked.region)
    at = place(asked.next, (int, str, int)) or [0, "", 0]
    of_database = asked.resource is not None and asked.resource.startswith(("db:", "cluster:"))
    if at[0] < DATABASES and not of_database:
        found, more = _volumes(service, region, asked, at[1], at[2])
        following = more or (None if asked.resource else [DATABASES, "", 0])
        return Points(points=_shown(found, asked, service.clock), next=token(following) if following else None)
    every = _databases(service, region, asked)
    rest = [one for one in every if one.snapshot_id > at[1]][: asked.limit]
    last = rest[-1].snapshot_id if rest and rest[-1] is not every[-1] else ""
    return Points(points=_shown(rest, asked, service.clock), next=token([DATABASES, last, 0]) if last else None)


def _region(service: Serves, asked: str | None) -> str:
    """Return where to look: in the Regions that runs belong to and that runbooks may change, and nowhere else.

    Raises:
        RequestError: `request.region`.
    """
    home = service.settings.region
    if asked in {None, home}:
        return home
    used = {region for book in service.catalog.valid() for region in book.guard.regions}
    if asked not in used:
        named = ", ".join(sorted({home, *used}))
        raise RequestError("request.region", f"No runbook may change anything in {asked}; there are {named}.")
    return str(asked)


def _volumes(service: Serves, region: str, asked: Any, after: str, skipped: int) -> tuple[list[Point], list[Any]]:
    """Return a page of volumes' points, and where the next begins: in EC2's page of a token, and how far inside it."""
    filters: dict[str, list[str]] = {"tag-key": [tags.POLICY]}
    if asked.policy:
        filters = {f"tag:{tags.POLICY}": [asked.policy]}
    if asked.resource:
        here = service.settings.region == region
        filters["volume-id" if here else f"tag:{tags.SOURCE_VOLUME}"] = [asked.resource]
    size = min(max(skipped + asked.limit, PAGE_OF_EC2.start), PAGE_OF_EC2[-1])
    try:
        page, more = listing.snapshots_page(service.aws, region, filters, size, after)
    except ActionError as error:
        if after and error.details.get("aws_code") in NOT_A_TOKEN:
            raise bad_next() from error
        raise
    end = skipped + asked.limit
    following = [0, after, end] if end < len(page) else [0, more, 0] if more else []
    return [volume_point(snapshot, region) for snapshot in page[skipped:end]], following


def _databases(service: Serves, region: str, asked: Any) -> list[Point]:
    kinds = [kind_and_name(asked.resource)[0]] if asked.resource else list(KINDS)
    listed = (database_point(one) for kind in kinds for one in snapshots(service.aws, region, kind))
    wanted = [one for one in listed if one and one.policy]
    if asked.resource:
        wanted = [one for one in wanted if asked.resource in {one.volume_id, one.volume_id.split("/")[0]}]
    if asked.policy:
        wanted = [one for one in wanted if one.policy == asked.policy]
    return sorted(wanted, key=lambda one: one.snapshot_id)


def _shown(points: Iterable[Point], asked: Any, clock: Clock) -> list[PointShown]:
    now = clock.now()
    return [_point(one, now) for one in points if asked.max_age is None or now - one.at <= asked.max_age]


def _point(one: Point, now: datetime) -> PointShown:
    return PointShown(
        resource=one.volume_id,
        region=one.region,
        snapshot=one.snapshot_id,
        policy=one.policy,
        set_id=one.set_id,
        set_size=one.set_size,
        at=one.at,
        age_s=int((now - one.at).total_seconds()),
        state=one.state,
        flaw=one.flaw or "",
    )
