"""Where fast snapshot restore is on, and how far it is.

Sources: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeFastSnapshotRestores.html and
https://docs.aws.amazon.com/ebs/latest/userguide/view-fsr-enabled-snapshots.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.aws.clients import Aws
from chalicelib.aws.errors import meaning_of, translated
from chalicelib.errors import ActionError, ErrorKind

ENABLED = "enabled"
ON = frozenset({"enabling", "optimizing", ENABLED})
PER_PAGE = 200
Pair = tuple[str, str]  # a snapshot's ID and a zone's ID


@dataclass(frozen=True)
class FastRestore:
    """One snapshot in one zone (an ID). Times are UTC; None when AWS does not tell."""

    snapshot_id: str
    zone_id: str
    state: str
    reason: str = ""
    began: datetime | None = None
    enabled: datetime | None = None
    ended: datetime | None = None

    @property
    def on(self) -> bool:
        """True when it is, or is becoming, enabled."""
        return self.state in ON


def fast_restores(aws: Aws, region: str) -> dict[Pair, FastRestore]:
    """Return every pair that AWS shows in a Region, whoever enabled it; a quota keeps them few.

    Raises:
        ActionError: AWS refused the read.
    """
    with translated(f"fast snapshot restore in {region}"):
        pages = (
            aws.ec2(region)
            .get_paginator("describe_fast_snapshot_restores")
            .paginate(PaginationConfig={"PageSize": PER_PAGE})
        )
        shown = [_read(each) for page in pages for each in page["FastSnapshotRestores"]]
    return {(one.snapshot_id, one.zone_id): one for one in shown}


def _read(each: Mapping[str, Any]) -> FastRestore:
    return FastRestore(
        snapshot_id=each.get("SnapshotId", ""),
        zone_id=each.get("AvailabilityZoneId", ""),
        state=each.get("State", ""),
        reason=each.get("StateTransitionReason", ""),
        began=each.get("EnablingTime"),
        enabled=each.get("EnabledTime"),
        ended=each.get("DisablingTime") or each.get("DisabledTime"),
    )


def accepted(answer: Mapping[str, Any], snapshot_id: str, region: str) -> None:
    """Make sure that a call for one pair was successful: an answer without an error may hold refusals.

    Raises:
        ActionError: AWS refused the pair, with its own words; `action.quota_full` when the quota is reached. In doubt
            when the answer does not tell of it.
    """
    errors = [
        one.get("Error", {})
        for item in answer.get("Unsuccessful", ())
        for one in item["FastSnapshotRestoreStateErrors"]
    ]
    for error in errors:
        raise refusal(error.get("Code", ""), error.get("Message", ""), snapshot_id, region)
    if not answer.get("Successful"):
        message = f"AWS did not say what became of fast snapshot restore of {snapshot_id} in {region}."
        raise ActionError("action.no_answer", message, ErrorKind.IN_DOUBT, resource=snapshot_id)


def refusal(code: str, said: str, snapshot_id: str, region: str) -> ActionError:
    """Return the error of what AWS refused: a quota does not make room by itself, so waiting for it is no use."""
    meaning = meaning_of(code)
    what = f"AWS refused fast snapshot restore of {snapshot_id} in {region}: {code}: {said.rstrip('.')}."
    details = {"aws_code": code, "resource": snapshot_id}
    if meaning.kind is ErrorKind.AT_CAPACITY or (meaning.code == "action.refused" and "Limit" in code):
        advice = "Ask AWS for a higher quota, or disable it for snapshots that do not need it."
        return ActionError("action.quota_full", f"{what} {advice}", ErrorKind.TERMINAL, **details)
    return ActionError(meaning.code, f"{what} {meaning.advice}".strip(), meaning.kind, **details)
