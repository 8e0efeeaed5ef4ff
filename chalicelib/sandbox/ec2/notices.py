"""EBS's events in AWS's shapes.

Source: https://docs.aws.amazon.com/ebs/latest/userguide/ebs-cloud-watch-events.html. In the ARNs of snapshots the
Region stands in the account's field.
"""

from __future__ import annotations

import uuid
from typing import Any

from chalicelib.sandbox.ec2.call import Ec2Call
from chalicelib.sandbox.weather.clock import iso
from chalicelib.sandbox.weather.sky import ACCOUNT, overhead

Event = dict[str, Any]


def announce_snapshot(call: Ec2Call, snapshot: Any, event: str) -> None:
    """Post the event that a snapshot (`createSnapshot`) or copy (`copySnapshot`) ends with."""
    region = call.land.region
    call.sky.mail.post(snapshot.ready_at_s, "event", lambda: _snapshot_event(region, snapshot, event))


def announce_set(call: Ec2Call, made: list[Any]) -> None:
    """Post the one event that a set ends with, when its last member ends."""
    region = call.land.region
    due_s = max(snapshot.ready_at_s for snapshot in made)
    call.sky.mail.post(due_s, "event", lambda: _set_event(region, made))


def announce_volume(call: Ec2Call, volume: Any) -> None:
    """Post the event that creating a volume ends with."""
    region = call.land.region
    call.sky.mail.post(volume.ready_at_s, "event", lambda: _volume_event(region, volume))


def _snapshot_event(region: str, snapshot: Any, event: str) -> Event | None:
    if snapshot.deleted:
        return None
    arn = _arn(region, "snapshot", snapshot.id)
    detail: Event = {
        "event": event,
        "result": "failed" if snapshot.fails else "succeeded",
        "cause": snapshot.fails or "",
        "request-id": "",
        "snapshot_id": arn,
        "source": snapshot.source_arn or _arn(region, "volume", snapshot.origin_volume),
        "startTime": iso(snapshot.began_s, timespec="seconds"),
        "endTime": iso(snapshot.ready_at_s, timespec="seconds"),
    }
    if snapshot.is_copy:
        detail["Incremental"] = str(snapshot.incremental).lower()
    return _envelope(region, "EBS Snapshot Notification", [arn], detail, snapshot.ready_at_s)


def _set_event(region: str, made: list[Any]) -> Event:
    failed = any(snapshot.fails for snapshot in made)
    end_s = max(snapshot.ready_at_s for snapshot in made)
    detail: Event = {
        "event": "createSnapshots",
        "result": "failed" if failed else "succeeded",
        "cause": next((s.fails for s in made if s.fails), ""),
        "request-id": "",
        "startTime": iso(min(s.began_s for s in made), timespec="seconds"),
        "endTime": iso(end_s, timespec="seconds"),
        "snapshots": [
            {
                "snapshot_id": _arn(region, "snapshot", s.id),
                "source": _arn(region, "volume", s.origin_volume),
                "status": "error" if s.fails else "completed",
            }
            for s in made
        ],
    }
    resources = [_arn(region, "snapshot", s.id) for s in made]
    return _envelope(region, "EBS Multi-Volume Snapshots Completion Status", resources, detail, end_s)


def _volume_event(region: str, volume: Any) -> Event:
    detail = {
        "result": "failed" if volume.fails else "available",
        "cause": volume.fails or "",
        "event": "createVolume",
        "request-id": uuid_of("request", volume.id),
    }
    arn = f"arn:aws:ec2:{region}:{ACCOUNT}:volume/{volume.id}"
    return _envelope(region, "EBS Volume Notification", [arn], detail, volume.ready_at_s)


def _arn(region: str, kind: str, thing_id: str) -> str:
    return f"arn:aws:ec2::{region}:{kind}/{thing_id}"


def _envelope(region: str, detail_type: str, resources: list[str], detail: Event, at_s: float) -> Event:
    return {
        "version": "0",
        "id": uuid_of("event id", detail_type, *resources, at_s),
        "detail-type": detail_type,
        "source": "aws.ec2",
        "account": ACCOUNT,
        "time": iso(at_s, timespec="seconds"),
        "region": region,
        "resources": resources,
        "detail": detail,
    }


def uuid_of(*of: object) -> str:
    """Return an id drawn from the seed for this purpose."""
    high, low = (int(overhead().draw(half, *of) * 2**64) for half in ("high", "low"))
    return str(uuid.UUID(int=high << 64 | low, version=4))
