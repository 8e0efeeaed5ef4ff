"""What is grafted onto moto's EC2: things whose states follow the clock, and indexes where moto reads everything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.ec2.exceptions import EC2ClientError

from chalicelib.sandbox.ec2 import tags, things
from chalicelib.sandbox.ec2.wire import MISMATCH
from chalicelib.sandbox.weather.ground import replace
from chalicelib.sandbox.weather.sky import overhead

NOT_GIVEN = "ABCDE"  # what moto puts in for a client token that was not given


def find_tags_by_resource() -> None:
    """Look the tags of one resource up; moto reads those of all resources for it."""
    from moto.ec2.models.core import TaggedEC2Resource

    replace(TaggedEC2Resource, "get_tags", _tags_of)


def put_weather_into_ec2() -> None:
    """Make moto use volumes, snapshots and instances with weather, and keep the index of tags. Call once."""
    from moto.ec2.models import elastic_block_store as ebs
    from moto.ec2.models import instances
    from moto.ec2.models.tags import TagBackend

    replace(ebs, "Volume", things.WeatherVolume)
    replace(ebs, "Snapshot", things.WeatherSnapshot)
    replace(instances, "Instance", things.WeatherInstance)
    by_scan = instances.InstanceBackend.get_instance

    def get_instance(backend: Any, instance_id: str) -> Any:
        return overhead().land(backend.region_name).instances.get(instance_id) or by_scan(backend, instance_id)

    replace(instances.InstanceBackend, "get_instance", get_instance)
    replace(instances.InstanceBackend, "run_instances", _once_per_token(instances.InstanceBackend.run_instances))
    replace(ebs.EBSBackend, "attach_volume", _attach)
    replace(ebs.EBSBackend, "detach_volume", _detach)
    for name in ("create_tags", "delete_tags", "delete_tag_keys"):
        replace(TagBackend, name, _noting(getattr(TagBackend, name)))


def _once_per_token(run: Callable[..., Any]) -> Callable[..., Any]:
    # moto keeps the client token of RunInstances, and launches again all the same.
    def run_instances(backend: Any, image_id: str, count: int, *rest: Any, **named: Any) -> Any:
        tokens, token = overhead().land(backend.region_name).tokens, named.get("client_token")
        asked = repr((image_id, count, sorted((key, repr(value)) for key, value in named.items())))
        if token in {None, NOT_GIVEN}:
            return run(backend, image_id, count, *rest, **named)
        if token in tokens:
            before, reservation_id = tokens[token]
            if before != asked:
                raise EC2ClientError("IdempotentParameterMismatch", MISMATCH)
            return backend.reservations[reservation_id]
        made = run(backend, image_id, count, *rest, **named)
        tokens[token] = (asked, made.id)
        return made

    return run_instances


def _tags_of(thing: Any) -> list[dict[str, str]]:
    from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix

    if not thing.id:
        return []
    kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(thing.id), "")
    own = thing.ec2_backend.tags.get(thing.id, {})
    return [{"resource_id": thing.id, "key": k, "value": v, "resource_type": kind} for k, v in own.items()]


def _noting(change: Callable[[Any, list[str], Any], Any]) -> Callable[[Any, list[str], Any], Any]:
    def changed(backend: Any, resource_ids: list[str], wanted: Any) -> Any:
        before = {resource_id: dict(backend.tags.get(resource_id, {})) for resource_id in resource_ids}
        made = change(backend, resource_ids, wanted)
        tags.note(backend, before)
        return made

    return changed


def _attach(backend: Any, volume_id: str, instance_id: str, device_path: str, *rest: Any, **named: Any) -> Any:
    from moto.ec2.models.block_device import BlockDeviceType

    delete_on_termination = bool(rest[0] if rest else named.get("delete_on_termination", False))
    volume, instance, sky = backend.get_volume(volume_id), backend.get_instance(instance_id), overhead()
    ready_at_s = max(sky.now_s, volume.ready_at_s) + sky.settings.attach_s
    hold = things.Hold(volume, instance, device_path, sky.now_s, ready_at_s, delete_on_termination)
    volume.holds.append(hold)
    instance.block_device_mapping[device_path] = BlockDeviceType(
        volume_id=volume_id,
        status="in-use",
        size=volume.size,
        attach_time=hold.attach_time,
        delete_on_termination=delete_on_termination,
    )
    return hold


def _detach(backend: Any, volume_id: str, instance_id: str, device_path: str) -> Any:
    # Used by moto when it terminates an instance; DetachVolume takes its time instead.
    volume, instance = backend.get_volume(volume_id), backend.get_instance(instance_id)
    [hold] = [h for h in volume.holds if h.instance is instance]
    volume.holds.remove(hold)
    instance.block_device_mapping.pop(device_path or hold.device, None)
    return hold
