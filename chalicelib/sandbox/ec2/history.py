"""Past nights, made inside the server: points of every volume and their copies, tagged as Lifeboat tags them.

For what needs tens of thousands of snapshots; each goes through the same code as a call does, without the wire.
"""

from __future__ import annotations

from typing import Any

from chalicelib.sandbox.ec2.call import Ec2Call
from chalicelib.sandbox.ec2.copies import copy_snapshot
from chalicelib.sandbox.ec2.snapshots import create_snapshot
from chalicelib.sandbox.ec2.wire import Tree
from chalicelib.sandbox.settling import settle
from chalicelib.sandbox.weather.clock import iso
from chalicelib.sandbox.weather.sky import Land, Sky

DAY_S, COPY_AFTER_S = 86_400, 4 * 3600


def nights(sky: Sky, home: str, away: str, count: int, policy: str) -> int:
    """Let nights pass in which every volume was snapshotted, one set per instance, and copied; returns how many made.

    Args:
        sky: Where.
        home: The volumes' Region.
        away: The Region of the copies.
        count: How many nights.
        policy: Whose the points are.
    """
    here, there, made = sky.land(home), sky.land(away), 0
    for _ in range(count):
        sources = [one for group in _groups(here) for one in _set(sky, here, group, policy)]
        sky.clock.advance(COPY_AFTER_S)
        settle(sky)
        for source_id, own in sources:
            more = {**own, "lifeboat:source-snapshot": source_id, "lifeboat:source-region": home}
            form: Tree = {"SourceRegion": home, "SourceSnapshotId": source_id, **_tags(more)}
            copy_snapshot(Ec2Call(sky, there, "CopySnapshot", form, 0, witness=True))
        sky.clock.advance(DAY_S - COPY_AFTER_S)
        settle(sky)
        made += 2 * len(sources)
    return made


def _groups(land: Land) -> list[list[str]]:
    """Return the volumes of each instance, and each loose volume by itself."""
    groups: dict[str, list[str]] = {}
    for volume in land.backend.volumes.values():
        holds = volume.attachments
        groups.setdefault(str(holds[0].instance_id if holds else volume.id), []).append(str(volume.id))
    return list(groups.values())


def _set(sky: Sky, land: Land, volumes: list[str], policy: str) -> list[tuple[str, dict[str, str]]]:
    at = iso(sky.now_s, timespec="seconds")
    name = f"lb{int(sky.now_s)}{volumes[0][4:]}"
    made = []
    for volume in volumes:
        own = {
            "lifeboat:policy": policy,
            "lifeboat:set": name,
            "lifeboat:set-size": str(len(volumes)),
            "lifeboat:point": at,
            "lifeboat:effect": name,
            "lifeboat:run": f"run-{int(sky.now_s)}",
            "lifeboat:source-volume": volume,
        }
        form: Tree = {"VolumeId": volume, **_tags(own)}
        told: Any = create_snapshot(Ec2Call(sky, land, "CreateSnapshot", form, 0, witness=True))
        made.append((str(told["snapshotId"]), own))
    return made


def _tags(own: dict[str, str]) -> Tree:
    numbered = {str(n): {"Key": key, "Value": value} for n, (key, value) in enumerate(own.items(), 1)}
    return {"TagSpecification": {"1": {"ResourceType": "snapshot", "Tag": numbered}}}
