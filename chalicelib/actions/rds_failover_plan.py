"""Which databases are failed over, to where, and which cannot be. Pure, over what was read of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.aws import tags
from chalicelib.aws.live_databases import AVAILABLE, Live, LiveCluster, LiveInstance, LiveMember, lost
from chalicelib.domain.change import Change, ChangeKind, Failure


@dataclass(frozen=True)
class Away:
    """Away from where, and to where.

    Attributes:
        zone: ID of the zone to leave; empty: whichever zone a database runs in.
        healthy: IDs of the zones that are good enough, best first; empty: all but the one to leave.
        members: By cluster, the member that is to write.
    """

    zone: str = ""
    healthy: Sequence[str] = ()
    members: Mapping[str, str] = field(default_factory=dict)

    def leaves(self, zone: str) -> bool:
        """Return True when what runs in a zone is to be failed over."""
        return not self.zone or zone == self.zone

    def takes(self, zone: str, now_in: str) -> bool:
        """Return True when a zone is one to fail over to."""
        return bool(zone) and zone not in {self.zone, now_in} and (not self.healthy or zone in self.healthy)


def decided(one: Live, away: Away) -> Change | Failure | str:
    """Return what is done about a database: a change, why it cannot be, or a note that it is left as it is."""
    if not away.leaves(one.zone):
        where = one.zone or "no zone that AWS tells"
        return f"{one.resource} is left as it is: it runs in {where}, outside {away.zone}, and is {one.status}."
    return _cluster(one, away) if isinstance(one, LiveCluster) else _instance(one, away)


def _instance(one: LiveInstance, away: Away) -> Change | Failure:
    if lost(one.status):
        return _failure(one, "action.lost", f"is {one.status}: AWS cannot bring it back. {_RESTORE}")
    if not one.multi_az:
        replica = f" It is a replica of {one.source}, which goes on without it." if one.source else ""
        return _failure(
            one,
            "action.single_az",
            f"is Single-AZ in {one.zone}: there is nothing to fail over to. {_RESTORE}{replica}",
        )
    if not away.takes(one.standby, one.zone):
        where = (
            f"is in {one.standby}, which is not a healthy zone" if one.standby else "is not in sync (AWS tells no zone)"
        )
        return _failure(one, "action.no_standby", f"cannot be failed over: its standby {where}. Wait, or: {_RESTORE}")
    return _change(one, away, {"to": one.standby}, f"its standby in {one.standby} takes over")


def _cluster(one: LiveCluster, away: Away) -> Change | Failure:
    wanted, found = away.members.get(one.name, ""), candidates(one, away)
    target = next((each for each in found if wanted in {"", each.instance.name}), None)
    if target is None:
        readers = ", ".join(
            f"{each.instance.name} ({each.instance.zone}, {each.instance.status})"
            for each in one.members
            if not each.writer
        )
        what = f"{wanted} is no available reader in a healthy zone" if wanted else "it has no available reader in one"
        return _failure(
            one,
            "action.no_reader",
            f"cannot be failed over to a healthy zone: {what}. Its readers: {readers or 'none'}. Add one there "
            f"(CreateDBInstance in the cluster), name another, or: {_RESTORE}",
        )
    name, zone = target.instance.name, target.instance.zone
    return _change(one, away, {"to": zone, "member": name}, f"its reader {name} in {zone} takes over")


def moved_already(one: Live, away: Away, at: datetime) -> Change:
    """Return the change that only tells of a database that failed over since the trouble began: it is moot."""
    kind = "cluster" if isinstance(one, LiveCluster) else "db"
    return Change(
        key=one.resource,
        kind=ChangeKind.MODIFY,
        resource=one.resource,
        region=one.region,
        reason=f"It failed over at {at:%Y-%m-%d %H:%M} UTC, not by this run, and runs in {one.zone}: it is told only.",
        targets=(one.resource,),
        params={
            "kind": kind,
            "name": one.name,
            "resource_id": one.resource_id,
            "from": away.zone,
            "away": away.zone,
            "to": one.zone,
            "moved_at": at.isoformat(),
        },
    )


def candidates(one: LiveCluster, away: Away) -> list[LiveMember]:
    """Return the members that may take over, best first: as AWS chooses, by promotion tier; then by zone, then name."""
    order = {zone: number for number, zone in enumerate(away.healthy)}
    able = [
        each
        for each in one.members
        if not each.writer and each.instance.status == AVAILABLE and away.takes(each.instance.zone, one.zone)
    ]
    return sorted(able, key=lambda each: (each.tier, order.get(each.instance.zone, len(order)), each.instance.name))


def _change(one: Live, away: Away, to: Mapping[str, str], what: str) -> Change:
    stated = f"The zone {away.zone} is to be left" if away.zone else "A failover is asked for"
    return Change(
        key=one.resource,
        kind=ChangeKind.MODIFY if away.zone else ChangeKind.DISRUPT,
        resource=one.resource,
        region=one.region,
        reason=f"{stated}: {what} from {one.zone}. Connections break for about a minute.",
        targets=(one.resource,),
        params={
            "kind": "cluster" if isinstance(one, LiveCluster) else "db",
            "name": one.name,
            "resource_id": one.resource_id,
            "from": one.zone,
            "away": away.zone,
            "healthy": list(away.healthy),
            **to,
        },
    )


def objection(change: Change, one: Live | None) -> tuple[str, str]:
    """Return why a failover must not be made now, as state and message; empty texts when it may.

    Whoever moved it, AWS or a person: failing over what has moved already would bring it back to where it came from.
    """
    if one is None:
        return (
            "conflict",
            f"{change.resource} is gone: no database with its id {change.params['resource_id']} is there.",
        )
    if tags.HANDS_OFF in one.tags:
        return "conflict", f"{change.resource} was tagged {tags.HANDS_OFF}."
    if one.name != change.params["name"]:
        return "conflict", f"{change.resource} was renamed to {one.name}; run again."
    if "moved_at" in change.params and one.zone == change.params["from"]:
        return "conflict", f"{change.resource} had left {one.zone} and runs there again; run again."
    if one.zone and one.zone != change.params["from"]:
        return "moot", f"{change.resource} has failed over by itself: it runs in {one.zone}."
    return "", ""


def _failure(one: Live, code: str, message: str) -> Failure:
    return Failure(resource=one.resource, code=code, message=f"{one.resource} {message}")


_RESTORE = "Restore it into another zone with `rds.restore` or `rds.restore_to_time`."
