"""Launch templates, as launches use them; moto keeps them.

Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-launch-templates.html (what a request says goes over
what the template says).
"""

from __future__ import annotations

from typing import Any

from chalicelib.sandbox.ec2.call import Ec2Call
from chalicelib.sandbox.ec2.wire import AwsError, Tree

LISTS = {"SecurityGroupIds": "SecurityGroupId", "BlockDeviceMappings": "BlockDeviceMapping"}
PLAIN = ("ImageId", "InstanceType", "KeyName", "UserData", "EbsOptimized")


def over(call: Ec2Call) -> Tree:
    """Return the fields of a launch with those of its template under them."""
    version = _version(call)
    if version is None:
        return call.form
    data = version.data
    under: Tree = {name: str(data[name]) for name in PLAIN if data.get(name)}
    for name, field in LISTS.items():
        if data.get(name):
            under[field] = {str(n): _plain(one) for n, one in enumerate(data[name], 1)}
    if data.get("IamInstanceProfile"):
        under["IamInstanceProfile"] = data["IamInstanceProfile"]
    if data.get("TagSpecifications"):
        under["TagSpecification"] = {
            str(n): {"ResourceType": spec["ResourceType"], "Tag": _numbered(spec.get("Tags", []))}
            for n, spec in enumerate(data["TagSpecifications"], 1)
        }
    return {**under, **call.form}


def aws_tags(call: Ec2Call) -> dict[str, str]:
    """Return the tags by which AWS says that a template was used."""
    version = _version(call)
    if version is None:
        return {}
    return {
        "aws:ec2launchtemplate:id": version.template.id,
        "aws:ec2launchtemplate:version": str(version.number),
    }


def _version(call: Ec2Call) -> Any:
    asked = call.form.get("LaunchTemplate")
    if not asked:
        return None
    backend = call.land.backend
    if asked.get("LaunchTemplateId"):
        template = backend.launch_templates.get(asked["LaunchTemplateId"])
    else:
        template = backend.launch_templates.get(
            backend.launch_template_name_to_ids.get(asked.get("LaunchTemplateName"))
        )
    if template is None:
        raise AwsError("InvalidLaunchTemplateId.NotFound", "The specified launch template does not exist.")
    return template.get_version(asked.get("Version") or "$Default")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return str(value).lower() if isinstance(value, bool) else str(value)


def _numbered(tags: list[dict[str, str]]) -> Tree:
    return {str(n): tag for n, tag in enumerate(tags, 1)}
