"""RegisterImage, DeregisterImage and DescribeImages.

Sources: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RegisterImage.html (the name is unique in account
and Region; the root volume is named by its device) and its neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chalicelib.sandbox.ec2 import tags
from chalicelib.sandbox.ec2.call import Ec2Call
from chalicelib.sandbox.ec2.listing import Kind, listed
from chalicelib.sandbox.ec2.wire import AwsError, Tree, several, tag_set, tag_specifications, truth
from chalicelib.sandbox.weather.clock import iso
from chalicelib.sandbox.weather.sky import ACCOUNT, Land

ROOT = "/dev/sda1"


def _images(land: Land) -> dict[str, Any]:
    for image in land.backend.amis.values():
        if not hasattr(image, "serial"):
            image.serial, image.visible_at_s, image.blocks, image.owner = 0, 0.0, [], "amazon"
    return land.backend.amis  # type: ignore[no-any-return]


def _with_snapshots(land: Land, values: list[str]) -> Iterable[Any]:
    return [one for one in _images(land).values() if set(getattr(one, "made_of", ())) & set(values)]


IMAGES = Kind(
    "ami",
    "ImageId",
    _images,
    lambda one: AwsError("InvalidAMIID.NotFound", f"The image id '[{one}]' does not exist"),
    "InvalidAMIID.Malformed",
    {
        "architecture": lambda i: [i.architecture or "x86_64"],
        "block-device-mapping.snapshot-id": lambda i: list(getattr(i, "made_of", ())),
        "image-id": lambda i: [i.id],
        "name": lambda i: [i.name],
        "root-device-name": lambda i: [i.root_device_name],
        "state": lambda _: ["available"],
    },
    {"block-device-mapping.snapshot-id": _with_snapshots},
)


def register_image(call: Ec2Call) -> Tree:
    """Register an image of snapshots; `RootDeviceName` says which of them is the root."""
    name = call.required("Name")
    if any(image.name == name and image.owner == ACCOUNT for image in _images(call.land).values()):
        raise AwsError("InvalidAMIName.Duplicate", f"AMI name {name} is already in use by another AMI in this account")
    wanted = tag_specifications(call.form, "image", also=("snapshot",))
    blocks = several(call.form.get("BlockDeviceMapping"))
    for block in blocks:
        _check_block(call, block)
    image = call.land.backend.register_image(name, call.text("Description") or "")
    call.land.backend.snapshots.pop(image.ebs_snapshot.id, None)  # moto's own; the image is made of those named
    image.made_of = [str(block["Ebs"]["SnapshotId"]) for block in blocks if block.get("Ebs", {}).get("SnapshotId")]
    image.blocks, image.owner = blocks, ACCOUNT
    image.root_device_name = call.text("RootDeviceName") or ROOT
    image.architecture = call.text("Architecture") or "i386"
    image.virtualization_type = call.text("VirtualizationType") or "paravirtual"
    image.boot_mode = call.text("BootMode")
    image.serial = call.sky.next_serial()
    image.visible_at_s = call.sky.now_s + call.sky.settings.visibility_s
    image.made_at_s = call.sky.now_s
    if wanted:
        call.land.backend.create_tags([image.id], wanted)
    return {"imageId": image.id}


def _check_block(call: Ec2Call, block: Tree) -> None:
    ebs = block.get("Ebs", {})
    if "Encrypted" in ebs and truth(ebs["Encrypted"]) is False and ebs.get("SnapshotId"):
        raise AwsError(
            "InvalidBlockDeviceMapping", "the encrypted flag cannot be specified since device has a snapshot"
        )
    snapshot = call.snapshot(str(ebs["SnapshotId"]))
    if snapshot.status != "completed":
        raise AwsError("IncorrectState", f"Snapshot '{snapshot.id}' is not 'completed'.")


def deregister_image(call: Ec2Call) -> Tree:
    """Deregister one of the account's own images; its snapshots stay."""
    image_id = call.required("ImageId")
    image = _images(call.land).get(image_id)
    if image is None:
        raise IMAGES.missing(image_id)
    if image.owner != ACCOUNT:
        raise AwsError("AuthFailure", f"Not authorized for images: [{image_id}]")
    del call.land.backend.amis[image_id]
    tags.forget(call.land, image_id)
    return {"return": True}


def describe_images(call: Ec2Call) -> Tree:
    """List images: the account's own with `Owner=self`, others only when they are named."""
    owners = {str(v) for v in several(call.form.get("Owner"))}
    page = listed(call, IMAGES)
    named = "ImageId" in call.form or "image-id" in str(call.form.get("Filter"))
    shown = [
        image
        for image in page.things
        if ({"self", ACCOUNT} & owners and image.owner == ACCOUNT) or (not owners and (named or image.owner == ACCOUNT))
    ]
    return {"imagesSet": [_shape(call, image) for image in shown], "nextToken": page.token}


def _shape(call: Ec2Call, image: Any) -> Tree:
    return {
        "imageId": image.id,
        "name": image.name,
        "imageState": "available",
        "imageOwnerId": image.owner if image.owner == ACCOUNT else "137112412989",
        "isPublic": image.owner != ACCOUNT,
        "architecture": image.architecture or "x86_64",
        "rootDeviceName": image.root_device_name,
        "rootDeviceType": "ebs",
        "virtualizationType": image.virtualization_type or "hvm",
        "creationDate": iso(getattr(image, "made_at_s", 0.0)),
        "platformDetails": "Linux/UNIX",
        "blockDeviceMapping": [_block(n, block) for n, block in enumerate(image.blocks)],
        "tagSet": tag_set(tags.visible(call.land, image.id, witness=call.witness)),
    }


def _block(number: int, block: Tree) -> Tree:
    ebs = block["Ebs"]
    return {
        "deviceName": block.get("DeviceName") or f"/dev/sd{chr(97 + number)}",
        "ebs": {
            "snapshotId": ebs["SnapshotId"],
            "volumeSize": ebs.get("VolumeSize"),
            "volumeType": ebs.get("VolumeType") or "standard",
            "iops": ebs.get("Iops"),
            "throughput": ebs.get("Throughput"),
            "deleteOnTermination": truth(ebs.get("DeleteOnTermination"), default=True),
        },
    }
