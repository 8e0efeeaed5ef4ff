"""StartInstances, StopInstances, TerminateInstances and the attributes of instances.

Sources: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StopInstances.html and its neighbours;
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyInstanceAttribute.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chalicelib.sandbox.ec2 import addresses
from chalicelib.sandbox.ec2.call import Ec2Call
from chalicelib.sandbox.ec2.wire import AwsError, Tree, several, truth


def start_instances(call: Ec2Call) -> Tree:
    """Start stopped instances; `pending` for a while. A running one stays as it is."""
    return _each(call, "running", {"stopped": lambda i: i.start(), "running": None, "pending": None})


def stop_instances(call: Ec2Call) -> Tree:
    """Stop instances; `stopping` for a while. A stopped one stays as it is."""
    stop: Callable[[Any], Any] = lambda i: i.stop()  # noqa: E731 - one of several
    return _each(call, "stopped", {"running": stop, "pending": stop, "stopped": None, "stopping": None})


def terminate_instances(call: Ec2Call) -> Tree:
    """Terminate instances; `shutting-down` for a while. Volumes go as their mapping says. Repeating is no error."""
    for instance_id in (str(v) for v in several(call.form.get("InstanceId"))):
        if call.instance(instance_id).disable_api_termination:
            raise AwsError(
                "OperationNotPermitted",
                f"The instance '{instance_id}' may not be terminated. Modify its 'disableApiTermination' "
                "instance attribute and try again.",
            )

    def terminate(instance: Any) -> None:
        addresses.let_go(call.land, instance)
        subnet = call.land.backend.get_subnet(instance.subnet_id)
        subnet.del_subnet_ip(instance.private_ip_address)
        instance.terminate()

    ways: Ways = dict.fromkeys(("running", "pending", "stopped", "stopping"), terminate)
    return _each(call, "terminated", {**ways, "terminated": None, "shutting-down": None})


Ways = dict[str, Callable[[Any], Any] | None]


def _each(call: Ec2Call, _target: str, ways: Ways) -> Tree:
    instances = [call.instance(str(v)) for v in several(call.form.get("InstanceId"))]
    if not instances:
        raise AwsError("MissingParameter", "The request must contain the parameter InstanceId")
    for instance in instances:
        call.reach(instance.availability_zone, instance.id)
        if instance.state_now[1] not in ways:
            raise AwsError(
                "IncorrectInstanceState",
                f"The instance '{instance.id}' is not in a state from which it can be {_target}.",
            )
    changes = []
    for instance in instances:
        before = instance.state_now
        way = ways[before[1]]
        if way is not None:
            way(instance)
        changes.append(
            {"instanceId": instance.id, "currentState": _state(instance.state_now), "previousState": _state(before)}
        )
    return {"instancesSet": changes}


def _state(state: tuple[int, str]) -> Tree:
    return {"code": state[0], "name": state[1]}


def modify_instance_attribute(call: Ec2Call) -> Tree:
    """Change the security groups, the source/destination check, or one of the protections."""
    instance = call.instance(call.required("InstanceId"))
    call.reach(instance.availability_zone, instance.id)
    if "GroupId" in call.form:
        instance.security_groups[:] = groups_of(call, [str(v) for v in several(call.form["GroupId"])])
        return {"return": True}
    flags = {
        "SourceDestCheck": "source_dest_check",
        "DisableApiTermination": "disable_api_termination",
        "DisableApiStop": "disable_api_stop",
    }
    for name, attribute in flags.items():
        if name in call.form:
            setattr(instance, attribute, truth(call.form[name]["Value"]))
            return {"return": True}
    raise AwsError("UnsupportedOperation", "The sandbox changes groups, checks and protections only.")


def describe_instance_attribute(call: Ec2Call) -> Tree:
    """Tell one attribute."""
    instance = call.instance(call.required("InstanceId"))
    name = call.required("Attribute")
    told: dict[str, Callable[[], Any]] = {
        "userData": lambda: {"value": text(instance.user_data)} if instance.user_data else {},
        "disableApiTermination": lambda: {"value": bool(instance.disable_api_termination)},
        "disableApiStop": lambda: {"value": bool(instance.disable_api_stop)},
        "sourceDestCheck": lambda: {"value": bool(instance.source_dest_check)},
        "instanceType": lambda: {"value": instance.instance_type},
        "groupSet": lambda: [{"groupId": g.id, "groupName": g.name} for g in instance.security_groups],
        "rootDeviceName": lambda: {"value": instance.root_device_name},
    }
    if name not in told:
        raise AwsError("InvalidParameterValue", f"Value ({name}) for parameter attribute is invalid.")
    return {"instanceId": instance.id, name: told[name]()}


def text(user_data: Any) -> str:
    """Return user data as it is told: base64."""
    return user_data.decode() if isinstance(user_data, bytes) else str(user_data)


def groups_of(call: Ec2Call, ids: list[str]) -> list[Any]:
    """Return security groups by id.

    Raises:
        AwsError: there is none of an id (InvalidGroup.NotFound).
    """
    found = []
    for group_id in ids:
        group = call.land.backend.get_security_group_from_id(group_id)
        if group is None:
            raise AwsError("InvalidGroup.NotFound", f"The security group '{group_id}' does not exist")
        found.append(group)
    return found
