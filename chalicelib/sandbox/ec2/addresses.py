"""Elastic IP addresses: AllocateAddress, AssociateAddress, DisassociateAddress, DescribeAddresses, ReleaseAddress.

Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateAddress.html (re-association is automatic
unless `AllowReassociation` is false; the call may be repeated).
"""

from __future__ import annotations

from typing import Any

from chalicelib.sandbox.ec2 import tags
from chalicelib.sandbox.ec2.call import Ec2Call
from chalicelib.sandbox.ec2.listing import Kind, listed
from chalicelib.sandbox.ec2.wire import AwsError, Tree, tag_set, tag_specifications, truth
from chalicelib.sandbox.weather.sky import ACCOUNT, Land


def _addresses(land: Land) -> dict[str, Any]:
    return {one.allocation_id: one for one in land.backend.addresses if hasattr(one, "serial")}


ADDRESSES = Kind(
    "eipalloc",
    "AllocationId",
    _addresses,
    lambda one: AwsError("InvalidAllocationID.NotFound", f"The allocation ID '{one}' does not exist"),
    "InvalidParameterValue",
    {
        "allocation-id": lambda a: [a.allocation_id],
        "association-id": lambda a: [a.association_id or ""],
        "domain": lambda _: ["vpc"],
        "instance-id": lambda a: [a.instance_id],
        "public-ip": lambda a: [a.public_ip],
    },
    {},
)


def allocate_address(call: Ec2Call) -> Tree:
    """Allocate an address."""
    address = call.land.backend.allocate_address("vpc", tags=None)
    address.serial = call.sky.next_serial()
    address.visible_at_s = call.sky.now_s + call.sky.settings.visibility_s
    wanted = tag_specifications(call.form, "elastic-ip")
    if wanted:
        call.land.backend.create_tags([address.allocation_id], wanted)
    return {"publicIp": address.public_ip, "allocationId": address.allocation_id, "domain": "vpc"}


def associate_address(call: Ec2Call) -> Tree:
    """Give an address to an instance, also one that another instance has unless that is not allowed."""
    address = _address(call, call.required("AllocationId"))
    instance = call.instance(call.required("InstanceId"))
    call.reach(instance.availability_zone, instance.id)
    if instance.state_now[1] in {"terminated", "shutting-down"}:
        raise AwsError("InvalidInstanceID", f"The instance '{instance.id}' is not in a valid state for this operation.")
    if address.instance is instance:
        return {"return": True, "associationId": address.association_id}
    if address.instance is not None and not truth(call.text("AllowReassociation"), default=True):
        raise AwsError("Resource.AlreadyAssociated", f"resource {address.allocation_id} is already associated")
    if address.eni is not None:
        address.eni.public_ip = None
    call.land.backend.associate_address(instance=instance, allocation_id=address.allocation_id, reassociate=True)
    return {"return": True, "associationId": address.association_id}


def disassociate_address(call: Ec2Call) -> Tree:
    """Take an address away from the instance that has it."""
    wanted = call.required("AssociationId")
    found = next((a for a in _addresses(call.land).values() if a.association_id == wanted), None)
    if found is None:
        raise AwsError("InvalidAssociationID.NotFound", f"The association ID '{wanted}' does not exist")
    if found.instance is not None:
        call.reach(found.instance.availability_zone, found.instance.id)
    call.land.backend.disassociate_address(association_id=wanted)
    return {"return": True}


def release_address(call: Ec2Call) -> Tree:
    """Give an address back to AWS; not one that is in use."""
    address = _address(call, call.required("AllocationId"))
    if address.instance is not None:
        raise AwsError("InvalidIPAddress.InUse", f"Address {address.public_ip} is in use.")
    tags.forget(call.land, address.allocation_id)
    call.land.backend.release_address(allocation_id=address.allocation_id)
    return {"return": True}


def describe_addresses(call: Ec2Call) -> Tree:
    """List addresses, on one page."""
    return {"addressesSet": [_shape(call, address) for address in listed(call, ADDRESSES).things]}


def let_go(land: Land, instance: Any) -> None:
    """Free the addresses of an instance that is terminated."""
    for address in _addresses(land).values():
        if address.instance is instance:
            land.backend.disassociate_address(association_id=address.association_id)


def _address(call: Ec2Call, allocation_id: str) -> Any:
    found = _addresses(call.land).get(allocation_id)
    if found is None:
        raise ADDRESSES.missing(allocation_id)
    return found


def _shape(call: Ec2Call, address: Any) -> Tree:
    return {
        "publicIp": address.public_ip,
        "allocationId": address.allocation_id,
        "associationId": address.association_id,
        "domain": "vpc",
        "instanceId": address.instance_id or None,
        "networkInterfaceId": address.network_interface_id or None,
        "networkInterfaceOwnerId": ACCOUNT if address.instance else None,
        "privateIpAddress": address.private_ip_address,
        "tagSet": tag_set(tags.visible(call.land, address.allocation_id, witness=call.witness)),
    }
