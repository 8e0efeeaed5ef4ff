"""An answer of 200 that holds a refusal is a refusal."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.aws.fast_restores import accepted, refusal
from chalicelib.errors import ActionError, ErrorKind


def answer(code: str) -> dict[str, Any]:
    errors = [{"AvailabilityZone": "us-east-1a", "Error": {"Code": code, "Message": "No."}}]
    return {"Successful": [], "Unsuccessful": [{"SnapshotId": "snap-1", "FastSnapshotRestoreStateErrors": errors}]}


@pytest.mark.parametrize(
    ("aws_code", "code", "kind"),
    [
        ("FastSnapshotRestoreLimitExceeded", "action.quota_full", ErrorKind.TERMINAL),
        ("ResourceLimitExceeded", "action.quota_full", ErrorKind.TERMINAL),
        ("RequestLimitExceeded", "action.throttled", ErrorKind.THROTTLED),
        ("IncorrectState", "action.busy", ErrorKind.BUSY),
        ("Whatever", "action.refused", ErrorKind.TERMINAL),
    ],
)
def test_a_refusal_of_one_pair_is_read(aws_code: str, code: str, kind: ErrorKind) -> None:
    with pytest.raises(ActionError) as error:
        accepted(answer(aws_code), "snap-1", "us-east-1")
    assert (error.value.code, error.value.kind) == (code, kind)
    assert f"snap-1 in us-east-1: {aws_code}: No." in error.value.message


def test_an_answer_that_tells_of_nothing_is_in_doubt() -> None:
    with pytest.raises(ActionError) as error:
        accepted({"Successful": [], "Unsuccessful": []}, "snap-1", "us-east-1")
    assert error.value.kind is ErrorKind.IN_DOUBT
    accepted({"Successful": [{"SnapshotId": "snap-1"}], "Unsuccessful": []}, "snap-1", "us-east-1")


def test_waiting_for_a_quota_is_no_use() -> None:
    assert refusal("ResourceLimitExceeded", "Full.", "snap-1", "us-east-1").kind is ErrorKind.TERMINAL
