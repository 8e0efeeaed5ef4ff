"""What a database that is made is checked against, and where it is put.

Source: the errors of https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RestoreDBInstanceFromDBSnapshot.html
and its siblings.
"""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.sandbox.ec2.wire import AwsError, truth
from chalicelib.sandbox.rds import groups
from chalicelib.sandbox.rds.call import RdsCall
from chalicelib.sandbox.rds.snapshots import NAME

LONGEST = 63
ENOUGH = 2  # zones of a subnet group for a standby


@dataclass(frozen=True)
class Place:
    """The zones of an instance by name; the standby's is empty for a Single-AZ one."""

    primary: str
    standby: str = ""


def free_name(call: RdsCall, kind: str, name: str) -> str:
    """Return the name of a new database as RDS keeps it: in lower case.

    Raises:
        AwsError: it breaks RDS's rules (InvalidParameterValue), or is taken or about to be.
    """
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        raise AwsError("InvalidParameterValue", f"The parameter {kind} identifier is not a valid identifier: {name}.")
    wanted = name.lower()
    taken = {one.name for one in call.land.databases.values() if one.kind == kind} | {
        str(each.given["to"])
        for one in call.land.databases.values()
        if one.kind == kind
        for each in one.coming
        if each.what == "rename"
    }
    if wanted in taken:
        if kind == "cluster":
            raise AwsError("DBClusterAlreadyExistsFault", "DB Cluster already exists")
        raise AwsError("DBInstanceAlreadyExists", "DB instance already exists")
    return wanted


def place(call: RdsCall, subnet_group: str, instance_class: str, *, multi_az: bool) -> Place:
    """Choose the zones of a new instance.

    Raises:
        AwsError: as the service's model lists them; what is asked for in a dark zone hangs or fails.
    """
    zones, asked = groups.subnet_zones(call, subnet_group), call.text("AvailabilityZone")
    if multi_az and asked:
        raise AwsError(
            "InvalidParameterCombination", "Requesting a specific availability zone is not valid for Multi-AZ"
        )
    if multi_az and len(zones) < ENOUGH:
        raise AwsError(
            "DBSubnetGroupDoesNotCoverEnoughAZs", "The DB subnet group doesn't meet Availability Zone (AZ) coverage."
        )
    if asked and asked not in zones:
        raise AwsError("InvalidVPCNetworkStateFault", f"DB subnet group {subnet_group} has no subnet in {asked}.")
    if not set(groups.offered_zones(call, instance_class)) & set(zones):
        raise AwsError(
            "InvalidParameterCombination", f"RDS does not support creating a DB instance with {instance_class}."
        )
    return _chosen(call, zones, asked, multi_az=multi_az)


def _chosen(call: RdsCall, zones: tuple[str, ...], asked: str | None, *, multi_az: bool) -> Place:
    full = set(call.sky.settings.rds.no_capacity)
    dark = {one.zone_name for one in call.sky.darkness.zones.values() if one.region == call.land.region}
    if multi_az:  # assumed: AWS itself knows which of its zones are well
        room = [zone for zone in zones if zone not in full | dark]
        if len(room) >= ENOUGH:
            return Place(room[0], room[1])
        raise _short(zones)
    wanted = asked or zones[int(call.sky.draw("zone", call.operation, call.sky.next_serial()) * len(zones))]
    reach(call, wanted)
    if wanted in full:
        raise _short((wanted,))
    return Place(wanted)


def reach(call: RdsCall, zone: str) -> None:
    """Let a call act on something in a zone; a witness always can.

    Raises:
        Hung, AwsError: the zone is dark.
    """
    if not call.witness and zone:
        call.sky.darkness.reach(call.land.region, zone, call.operation)


def _short(zones: tuple[str, ...]) -> AwsError:
    return AwsError(
        "InsufficientDBInstanceCapacity",
        f"The specified DB instance class isn't available in the specified Availability Zones: {', '.join(zones)}.",
    )


def wants(call: RdsCall, field: str) -> bool:
    """Read a field that says true or false."""
    return truth(call.text(field))
