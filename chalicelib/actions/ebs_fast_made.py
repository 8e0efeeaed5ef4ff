"""Whether restored volumes are fast, as AWS shows it: a snapshot without a credit gives slow ones, and says nothing.

Source: https://docs.aws.amazon.com/ebs/latest/userguide/volume-creation-credits.html and `FastRestored` of
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Volume.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import VolumeTypeDef


def is_fast(volume: VolumeTypeDef) -> bool:
    """Return True when all data was on a volume at once."""
    return volume.get("FastRestored", False)


def slow_among(planned: Iterable[str], shown: Mapping[str, VolumeTypeDef]) -> list[str]:
    """Return which of the volumes that were planned as fast are not, by what they stand in for."""
    return sorted(old for old in planned if old in shown and not is_fast(shown[old]))


def told(slow: Sequence[Any]) -> list[str]:
    """Return the sentence for the report about volumes that are not as fast as planned; none when all are."""
    names = ", ".join(map(str, slow))
    said = f"Fast snapshot restore was on and had no credit left for {names}: it is slow until all is read in."
    return [said] if slow else []
