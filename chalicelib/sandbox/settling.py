"""Make everything that is under way done, and everything that is hidden visible, at this instant."""

from __future__ import annotations

from chalicelib.sandbox.autoscaling import living
from chalicelib.sandbox.rds import lifecycle
from chalicelib.sandbox.weather.sky import Land, Sky


def settle(sky: Sky) -> None:
    """Settle all Regions. Idempotent; what was to fail has failed."""
    if not sky.weather:
        return
    for land in sky.lands.values():
        _settle_land(land, sky.now_s)
    for where in sky.databases.values():
        for made in where.snapshots.values():
            made.ready_at_s, made.visible_at_s = min(made.ready_at_s, sky.now_s), min(made.visible_at_s, sky.now_s)
    living.hurry(sky)
    lifecycle.settle(sky)
    sky.mail.settle()


def _settle_land(land: Land, now_s: float) -> None:
    land.fresh_tags.clear()
    land.last_snapshot_s.clear()
    for snapshot in list(land.backend.snapshots.values()):
        snapshot.ready_at_s = min(snapshot.ready_at_s, now_s)
        snapshot.visible_at_s = min(snapshot.visible_at_s, now_s)
    for volume in land.backend.volumes.values():
        volume.ready_at_s = min(volume.ready_at_s, now_s)
        volume.visible_at_s = min(volume.visible_at_s, now_s)
        for hold in list(volume.holds):
            hold.ready_at_s = min(hold.ready_at_s, now_s)
            if hold.gone_at_s is not None:
                hold.gone_at_s = min(hold.gone_at_s, now_s)
        volume.let_go()
    for instance in land.instances.values():
        instance.settled_at_s = min(instance.settled_at_s, now_s)
        instance.visible_at_s = min(instance.visible_at_s, now_s)
    for thing in [*land.backend.amis.values(), *land.backend.addresses]:
        thing.visible_at_s = min(getattr(thing, "visible_at_s", now_s), now_s)
