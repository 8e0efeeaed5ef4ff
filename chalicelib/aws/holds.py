"""What stands on a snapshot, so that it must not be deleted: locks, images, volumes being made, copies under way.

Sources: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSnapshot.html (images),
https://docs.aws.amazon.com/ebs/latest/userguide/ebs-snapshot-lock.html (locks) and
https://docs.aws.amazon.com/recyclebin/latest/APIReference/API_ListRules.html (Recycle Bin).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from chalicelib.aws import listing, tags
from chalicelib.aws.clients import Aws
from chalicelib.aws.errors import translated
from chalicelib.errors import ActionError

PAGE = 1000
EXPIRED_LOCK = "expired"


def held(aws: Aws, region: str, ids: Sequence[str], elsewhere: Iterable[str]) -> dict[str, str]:
    """Return why snapshots of a Region must not be deleted now, by id; what nothing stands on is left out.

    Reads locks, volumes that are being made and, in each other Region, running copies: few, one page each; and images
    per 200 snapshots.

    Args:
        aws: The way to AWS.
        region: Where the snapshots are.
        ids: The snapshots; none makes no call.
        elsewhere: Other Regions that may be copying them.

    Raises:
        ActionError: AWS refused a read; without it nothing may be deleted.
    """
    if not ids:
        return {}
    found = dict.fromkeys(locked(aws, region), "is locked")
    found |= {one: f"belongs to the image {image}" for one, image in images_of(aws, region, ids).items()}
    volumes = listing.volumes(aws, region, {"status": ["creating"]})
    found |= {v.get("SnapshotId", ""): f"is being restored to {v['VolumeId']}" for v in volumes}
    for other in sorted(set(elsewhere) - {region}):
        copies = listing.snapshots(aws, other, {"status": ["pending"], "tag-key": [tags.SOURCE_SNAPSHOT]})
        found |= {tags.of(copy)[tags.SOURCE_SNAPSHOT]: f"is being copied to {other}" for copy in copies}
    wanted = set(ids)
    return {one: why for one, why in found.items() if one in wanted}


def locked(aws: Aws, region: str) -> set[str]:
    """Return the ids of all locked snapshots of a Region, in pages of 1,000; locks that have expired do not count.

    Raises:
        ActionError: AWS refused the read.
    """
    found: set[str] = set()
    token: dict[str, Any] = {}
    while True:
        with translated(f"snapshot locks in {region}"):
            page = aws.ec2(region).describe_locked_snapshots(MaxResults=PAGE, **token)
        found |= {s["SnapshotId"] for s in page.get("Snapshots", []) if s.get("LockState") != EXPIRED_LOCK}
        if not page.get("NextToken"):
            return found
        token = {"NextToken": page["NextToken"]}


def images_of(aws: Aws, region: str, ids: Iterable[str]) -> dict[str, str]:
    """Return the image of this account that each snapshot belongs to, disabled and deprecated ones too; 200 a call.

    Raises:
        ActionError: AWS refused a read.
    """
    found: dict[str, str] = {}
    for some in listing.batches(ids):
        with translated(f"images in {region}"):
            pages = (
                aws.ec2(region)
                .get_paginator("describe_images")
                .paginate(
                    Owners=["self"],
                    IncludeDeprecated=True,
                    IncludeDisabled=True,
                    Filters=[{"Name": "block-device-mapping.snapshot-id", "Values": some}],
                )
            )
            for image in (image for page in pages for image in page["Images"]):
                blocks = [block.get("Ebs", {}) for block in image.get("BlockDeviceMappings", [])]
                found |= {block["SnapshotId"]: image["ImageId"] for block in blocks if "SnapshotId" in block}
    return found


def bin_note(aws: Aws, region: str) -> str:
    """Tell what Recycle Bin does with snapshots that are deleted in a Region, in one ListRules; never raises.

    ListRules does not say which tags a rule is for, so a rule is told, not relied upon.
    """
    try:
        with translated(f"Recycle Bin in {region}", service="rbin"):
            answer = aws.client("rbin", region).list_rules(ResourceType="EBS_SNAPSHOT")
    except ActionError as error:
        return f"warning: whether {region} has a Recycle Bin rule for snapshots cannot be read: {error.message}"
    rules: list[dict[str, Any]] = answer.get("Rules", [])
    if not rules:
        return f"warning: {region} has no Recycle Bin rule for snapshots: what is deleted there is gone at once."
    told = ", ".join(f"{rule.get('Identifier')} ({_period(rule)})" for rule in rules)
    return f"{region}: deleted snapshots go to the Recycle Bin, if its rules are for them: {told}."


def _period(rule: dict[str, Any]) -> str:
    period = rule.get("RetentionPeriod", {})
    return f"{period.get('RetentionPeriodValue')} {str(period.get('RetentionPeriodUnit')).lower()}"
