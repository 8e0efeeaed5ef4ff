"""How an instance was configured, as far as AWS tells it, in the words of RunInstances.

Sources: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Instance.html and
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html. User data and protection are attributes of
their own: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceAttribute.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chalicelib.actions.base import DrillSite, StepContext
from chalicelib.aws.errors import translated

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import InstanceTypeDef

METADATA = {
    "HttpTokens": "HttpTokens",
    "HttpPutResponseHopLimit": "HttpPutResponseHopLimit",
    "HttpEndpoint": "HttpEndpoint",
    "InstanceMetadataTags": "InstanceMetadataTags",
}


def attributes(ctx: StepContext, region: str, instance_id: str) -> dict[str, Any]:
    """Return what only attributes tell: user data (base64, empty without any) and protection; two calls.

    Raises:
        ActionError: AWS refused a read.
    """
    ec2 = ctx.aws.ec2(region)
    with translated(f"attributes of {instance_id}"):
        data = ec2.describe_instance_attribute(InstanceId=instance_id, Attribute="userData")
        guard = ec2.describe_instance_attribute(InstanceId=instance_id, Attribute="disableApiTermination")
    return {
        "user_data": data.get("UserData", {}).get("Value", ""),
        "protected": bool(guard.get("DisableApiTermination", {}).get("Value", False)),
    }


def base_request(
    instance: InstanceTypeDef, known: Mapping[str, Any], template: Mapping[str, str], site: DrillSite | None
) -> dict[str, Any]:
    """Return the part of RunInstances that says how an instance is configured, JSON-safe.

    Args:
        instance: As DescribeInstances shows it.
        known: What `attributes` returned.
        template: The launch template to use instead of what is recorded; empty for none.
        site: The drill's site: its group and profile are the only ones then.
    """
    made: dict[str, Any] = {"LaunchTemplate": dict(template)} if template else _recorded(instance, known)
    if site:
        made |= {
            "SecurityGroupIds": [site.security_group_id],
            "IamInstanceProfile": {"Name": site.instance_profile},
            "DisableApiTermination": False,
        }
    return made


def _recorded(instance: InstanceTypeDef, known: Mapping[str, Any]) -> dict[str, Any]:
    profile = instance.get("IamInstanceProfile", {}).get("Arn")
    options: Mapping[str, Any] = instance.get("MetadataOptions", {})
    metadata = {name: options[shown] for name, shown in METADATA.items() if options.get(shown) is not None}
    tenancy = instance.get("Placement", {}).get("Tenancy", "default")
    optional: dict[str, Any] = {
        "KeyName": instance.get("KeyName"),
        "IamInstanceProfile": {"Arn": profile} if profile else None,
        "EbsOptimized": instance.get("EbsOptimized") or None,
        "Monitoring": {"Enabled": True} if instance.get("Monitoring", {}).get("State") == "enabled" else None,
        "MetadataOptions": metadata or None,
        "Placement": {"Tenancy": tenancy} if tenancy != "default" else None,
        "HibernationOptions": {"Configured": True}
        if instance.get("HibernationOptions", {}).get("Configured")
        else None,
        "DisableApiTermination": known["protected"] or None,
        "UserData": known["user_data"] or None,
    }
    groups = sorted(group.get("GroupId", "") for group in instance.get("SecurityGroups", []))
    return {"SecurityGroupIds": groups, **{name: value for name, value in optional.items() if value is not None}}


def remarks(instance: InstanceTypeDef) -> list[str]:
    """Return what of an instance is not restored with it, a sentence each."""
    name, notes = instance["InstanceId"], []
    extra = [one for one in instance.get("NetworkInterfaces", []) if one.get("Attachment", {}).get("DeviceIndex")]
    more = [one for one in instance.get("NetworkInterfaces", []) if len(one.get("PrivateIpAddresses", [])) > 1]
    if extra or more:
        notes.append(f"{name}: only its first network interface and address are made anew.")
    if instance.get("SourceDestCheck") is False:
        notes.append(f"{name}: switch the source/destination check off on the new one by hand, if it routes.")
    if instance.get("Placement", {}).get("GroupName"):
        notes.append(f"{name}: its placement group {instance['Placement']['GroupName']} is not used in the other zone.")
    if instance.get("InstanceLifecycle"):
        notes.append(f"{name}: it was {instance['InstanceLifecycle']}; the new one is on demand.")
    return notes


def unfit(instance: InstanceTypeDef) -> str:
    """Return why no image of a root snapshot can stand in for an instance's own; empty when one can.

    An image that is registered from a snapshot loses the licence of Windows and of paid Linux distributions:
    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/creating-an-ami-ebs.html#creating-launching-ami-from-snapshot
    """
    platform = instance.get("PlatformDetails", "Linux/UNIX")
    if platform != "Linux/UNIX":
        return f"it runs {platform}, whose licence an image made from a snapshot would not have"
    if instance.get("ProductCodes"):
        return (
            "it was bought in the AWS Marketplace, and an image made from a snapshot would not carry its product code"
        )
    return ""
