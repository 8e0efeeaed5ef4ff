"""RunInstances: one instance or several, with their volumes in the same call.

Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html (client tokens, block device
mappings over those of the image, launch templates under what the request says).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from chalicelib.sandbox.ec2 import capacity, subnets, tags, templates, volumes
from chalicelib.sandbox.ec2.call import Ec2Call
from chalicelib.sandbox.ec2.machines import groups_of
from chalicelib.sandbox.ec2.notices import announce_volume
from chalicelib.sandbox.ec2.shapes import instance_shape
from chalicelib.sandbox.ec2.wire import MISMATCH, AwsError, Tree, several, tag_specifications, truth
from chalicelib.sandbox.weather.sky import ACCOUNT

DEFAULT_TYPE = "m1.small"
VENDOR_ROOT_GIB = "8"


@dataclass(frozen=True)
class Order:
    """What is launched. `blocks` are EC2's mappings (`DeviceName`, `Ebs`) in full, those of the image included."""

    image_id: str
    type: str
    subnet: Any
    groups: tuple[Any, ...]
    blocks: tuple[Tree, ...] = ()
    profile: str | None = None
    key_name: str | None = None
    user_data: str | None = None
    token: str | None = None
    ebs_optimized: bool = False
    protected: bool = False
    instance_tags: tuple[tuple[str, str], ...] = ()
    volume_tags: tuple[tuple[str, str], ...] = ()


def run_instances(call: Ec2Call) -> Tree:
    """Launch; a repeated ClientToken launches nothing and answers as the first did."""
    token, asked = call.text("ClientToken"), volumes.fingerprint(call.form)
    if token and token in call.land.tokens:
        before, reservation_id = call.land.tokens[token]
        if before != asked:
            raise AwsError("IdempotentParameterMismatch", MISMATCH)
        return _answer(call, call.land.backend.reservations[reservation_id])
    order = ordered(call)
    least, most = call.number_of("MinCount") or 1, call.number_of("MaxCount") or 1
    if not 1 <= least <= most:
        raise AwsError("InvalidParameterValue", "MinCount and MaxCount must be 1 or more, and in that order.")
    call.reach(order.subnet.availability_zone, token)
    reservation = launched(call, order, most)
    if token:
        call.land.tokens[token] = (asked, reservation.id)
    return _answer(call, reservation)


def ordered(call: Ec2Call) -> Order:
    """Return what a request asks for, over what its launch template says.

    Raises:
        AwsError: something in it does not exist or does not fit.
    """
    form = templates.over(call)
    asked = replace(call, form=form)
    image = _image(asked)
    subnet = _subnet(asked)
    groups = groups_of(call, [str(v) for v in several(form.get("SecurityGroupId"))])
    profile = form.get("IamInstanceProfile", {})
    instance_tags = tag_specifications(form, "instance", also=("volume", "network-interface"))
    volume_tags = tag_specifications(form, "volume", also=("instance", "network-interface"))
    return Order(
        image.id,
        asked.text("InstanceType") or DEFAULT_TYPE,
        subnet,
        tuple(groups or [call.land.backend.get_default_security_group(subnet.vpc_id)]),
        _blocks(asked, image),
        profile.get("Arn") or profile.get("Name"),
        asked.text("KeyName"),
        asked.text("UserData"),
        asked.text("ClientToken"),
        truth(asked.text("EbsOptimized")),
        truth(asked.text("DisableApiTermination")),
        tuple({**templates.aws_tags(call), **instance_tags}.items()),
        tuple(volume_tags.items()),
    )


def launched(call: Ec2Call, order: Order, count: int = 1) -> Any:
    """Launch so many instances, or none; returns their reservation.

    A volume whose key cannot be used ends its instance, with the reason in `StateReason`.

    Raises:
        AwsError: there is no capacity, no free address, or a volume cannot be made.
    """
    land, zone = call.land, order.subnet.availability_zone
    capacity.check(call.sky, land.region, zone, order.type)
    subnets.check_free(land, order.subnet)
    wanted = [(block, volumes.checked(_ebs(call, block))) for block in order.blocks]
    reservation = _bare(call, order, count)
    for instance in reservation.instances:
        instance.client_token, instance.reservation_id = order.token, reservation.id
        instance.disable_api_termination = order.protected
        instance.iam_instance_profile = _profile(order.profile)
        made = [_attached(call, instance, zone, block, one) for block, one in wanted]
        _tag(call, made, order)
        _doom(call, instance, made)
    return reservation


def _bare(call: Ec2Call, order: Order, count: int) -> Any:
    """Let moto make instances that have no volumes yet."""
    return call.land.backend.run_instances(
        order.image_id,
        count,
        order.user_data,
        [],
        region_name=call.land.region,
        is_instance_type_default=True,
        instance_type=order.type,
        subnet_id=order.subnet.id,
        security_group_ids=list(order.groups),
        block_device_mappings=[],
        key_name=order.key_name,
        ebs_optimized=order.ebs_optimized,
        client_token=None,
        tags={"instance": dict(order.instance_tags)},
    )


def _ebs(call: Ec2Call, block: Tree) -> Ec2Call:
    """Return a mapping as the fields of a CreateVolume."""
    ebs = dict(block.get("Ebs", {}))
    if "VolumeSize" in ebs:
        ebs["Size"] = ebs.pop("VolumeSize")
    return replace(call, form=ebs)


def _attached(call: Ec2Call, instance: Any, zone: str, block: Tree, wanted: volumes.Wanted) -> Any:
    volume = volumes.made(_ebs(call, block), zone, wanted)
    stays = truth(block.get("Ebs", {}).get("DeleteOnTermination"), default=True)
    call.land.backend.attach_volume(volume.id, instance.id, block["DeviceName"], stays)
    hold = volume.holds[-1]
    instance.settled_at_s = max(instance.settled_at_s, hold.ready_at_s)
    announce_volume(call, volume)
    return volume


def _tag(call: Ec2Call, made: list[Any], order: Order) -> None:
    if made and order.volume_tags:
        call.land.backend.create_tags([volume.id for volume in made], dict(order.volume_tags))


def _doom(call: Ec2Call, instance: Any, made: list[Any]) -> None:
    wrong = next((volume.fails for volume in made if volume.fails), None)
    if not wrong:
        return
    settled_at_s = instance.settled_at_s
    instance.terminate()
    instance.doomed, instance.settled_at_s = str(wrong), settled_at_s
    for volume in made:  # those that would have stayed go too: the launch has failed
        if call.land.backend.volumes.pop(volume.id, None) is not None:
            tags.forget(call.land, volume.id)


def _image(call: Ec2Call) -> Any:
    image = call.land.backend.amis.get(call.required("ImageId"))
    if image is None:
        raise AwsError("InvalidAMIID.NotFound", f"The image id '[{call.text('ImageId')}]' does not exist")
    return image


def _blocks(call: Ec2Call, image: Any) -> tuple[Tree, ...]:
    """Return the image's mappings with what the request says over them, device by device."""
    own = {str(block["DeviceName"]): block for block in getattr(image, "blocks", [])}
    if image.root_device_name not in own:
        own[image.root_device_name] = {"DeviceName": image.root_device_name, "Ebs": {"VolumeSize": VENDOR_ROOT_GIB}}
    for block in several(call.form.get("BlockDeviceMapping")):
        name = str(block["DeviceName"])
        if "NoDevice" in block:
            own.pop(name, None)
            continue
        before = own.get(name, {}).get("Ebs", {})
        asked = block.get("Ebs", {})
        if before.get("SnapshotId") and asked.get("SnapshotId", before["SnapshotId"]) != before["SnapshotId"]:
            raise AwsError(
                "InvalidBlockDeviceMapping", f"snapshotId cannot be modified on {name}, which the image maps."
            )
        own[name] = {"DeviceName": name, "Ebs": {**before, **asked}}
    return tuple(own.values())


def _subnet(call: Ec2Call) -> Any:
    asked = call.text("SubnetId")
    if asked:
        subnet = subnets.of(call.land).get(asked)
        if subnet is None:
            raise AwsError("InvalidSubnetID.NotFound", f"The subnet ID '{asked}' does not exist")
        return subnet
    placement = call.form.get("Placement", {})
    zone = placement.get("AvailabilityZone") or placement.get("AvailabilityZoneId")
    defaults = call.land.backend.get_default_subnets()
    name = call.sky.darkness.known(call.land.region, zone)[0] if zone else min(defaults)
    return subnets.of(call.land)[defaults[name].id]


def _profile(named: str | None) -> Tree | None:
    if not named:
        return None
    arn = named if named.startswith("arn:") else f"arn:aws:iam::{ACCOUNT}:instance-profile/{named}"
    return {"Arn": arn, "Id": "AIPA" + arn.rsplit("/", 1)[-1].upper()[:17]}


def _answer(call: Ec2Call, reservation: Any) -> Tree:
    shown = [
        instance_shape(one, call.land.backend.tags.get(one.id, {}), call.land.backend.volumes)
        for one in reservation.instances
    ]
    return {"reservationId": reservation.id, "ownerId": ACCOUNT, "groupSet": [], "instancesSet": shown}
