"""How instances and volumes are, as EC2's status checks say.

Sources: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceStatus.html and
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeVolumeStatus.html (by id: it has no filter for ids,
and fails whole for one that does not exist).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from chalicelib.aws.clients import Aws
from chalicelib.aws.errors import translated
from chalicelib.aws.listing import batches

OK, IMPAIRED, UNKNOWN = "ok", "impaired", "unknown"
BAD = frozenset({"impaired", "insufficient-data"})
WHOLE = 100


@dataclass(frozen=True)
class VolumeHealth:
    """How a volume is (`ok`, `impaired`, `insufficient-data`), percent that are read in, and seconds until all is."""

    status: str
    progress: int = WHOLE
    left_s: int | None = None

    @property
    def initialised(self) -> bool:
        """True when all of its data is on it."""
        return self.progress >= WHOLE


def instances(aws: Aws, region: str, ids: Iterable[str]) -> dict[str, str]:
    """Return `ok`, `impaired` or `unknown` (starting, stopped, not shown) of instances: DescribeInstanceStatus per 100.

    Impaired is one whose own, system's or volumes' check fails or cannot be made.

    Raises:
        ActionError: AWS refused a read.
    """
    found: dict[str, str] = dict.fromkeys(ids, UNKNOWN)
    for some in batches(sorted(found), WHOLE):
        with translated(f"instance status in {region}"):
            answer = aws.ec2(region).describe_instance_status(InstanceIds=some, IncludeAllInstances=True)
        for each in answer["InstanceStatuses"]:
            summaries = (each.get("InstanceStatus"), each.get("SystemStatus"), each.get("AttachedEbsStatus"))
            told = {summary["Status"] for summary in summaries if summary}
            state = OK if told and told <= {OK} else UNKNOWN
            found[each["InstanceId"]] = IMPAIRED if told & BAD else state
    return found


def volumes(aws: Aws, region: str, ids: Iterable[str]) -> dict[str, VolumeHealth]:
    """Return how volumes are that exist: DescribeVolumeStatus per 200.

    Raises:
        ActionError: AWS refused a read, or one of them does not exist.
    """
    found: dict[str, VolumeHealth] = {}
    for some in batches(sorted(set(ids))):
        with translated(f"volume status in {region}"):
            answer = aws.ec2(region).describe_volume_status(VolumeIds=some)
        for each in answer["VolumeStatuses"]:
            details = each.get("InitializationStatusDetails") or {}
            status = each.get("VolumeStatus", {}).get("Status", UNKNOWN)
            left = details.get("EstimatedTimeToCompleteInSeconds")
            found[each["VolumeId"]] = VolumeHealth(status, details.get("Progress", WHOLE), left)
    return found
