"""What AWS's errors mean, and what their messages say."""

from __future__ import annotations

from typing import Any

import pytest
from botocore import exceptions
from botocore.parsers import ResponseParserError

from chalicelib.aws.errors import MESSAGE_LIMIT, TABLE, meaning_of, translated
from chalicelib.errors import ActionError, ErrorKind, RefusedError


def refusal(code: str, status: int = 400, operation: str = "CreateSnapshots", said: str = "No.") -> Any:
    answer: Any = {
        "Error": {"Code": code, "Message": said},
        "ResponseMetadata": {"RequestId": "req-1", "HTTPStatusCode": status},
    }
    return exceptions.ClientError(answer, operation)


def translate(error: Exception, *, service: str = "ec2", sends: bool = False) -> ActionError:
    with pytest.raises(ActionError) as caught, translated("vol-1 in us-east-1", service=service, sends=sends):
        raise error
    return caught.value


def test_rdss_two_quotas_have_one_code_and_are_told_apart_by_its_words() -> None:
    copies = translate(refusal("SnapshotQuotaExceeded", said="Cannot copy more than 20 snapshots across regions"))
    full = translate(refusal("SnapshotQuotaExceeded", said="Cannot create more than 100 manual snapshots"))
    assert (copies.code, copies.kind) == ("action.at_capacity", ErrorKind.AT_CAPACITY)
    assert (full.code, full.kind) == ("action.quota_full", ErrorKind.TERMINAL)


@pytest.mark.parametrize(
    ("aws_code", "code", "kind"),
    [
        ("RequestLimitExceeded", "action.throttled", ErrorKind.THROTTLED),
        ("ThrottlingException", "action.throttled", ErrorKind.THROTTLED),
        ("ResourceLimitExceeded", "action.at_capacity", ErrorKind.AT_CAPACITY),
        ("SnapshotCreationPerVolumeRateExceeded", "action.at_capacity", ErrorKind.BUSY),
        ("ConcurrentSnapshotLimitExceeded", "action.at_capacity", ErrorKind.BUSY),
        ("PendingSnapshotLimitExceeded", "action.at_capacity", ErrorKind.AT_CAPACITY),
        ("SnapshotQuotaExceeded", "action.at_capacity", ErrorKind.AT_CAPACITY),
        ("InsufficientVolumeCapacity", "action.at_capacity", ErrorKind.AT_CAPACITY),
        ("IncorrectState", "action.busy", ErrorKind.BUSY),
        ("InvalidDBInstanceState", "action.busy", ErrorKind.BUSY),
        ("UnauthorizedOperation", "action.denied", ErrorKind.TERMINAL),
        ("InvalidVolume.NotFound", "action.resource_gone", ErrorKind.TERMINAL),
        ("KMSInvalidStateException", "action.key_unusable", ErrorKind.TERMINAL),
        ("SomethingNew", "action.refused", ErrorKind.TERMINAL),
    ],
)
@pytest.mark.parametrize("sends", [True, False])
def test_a_code_has_one_meaning(aws_code: str, code: str, kind: ErrorKind, sends: bool) -> None:  # noqa: FBT001
    error = translate(refusal(aws_code), sends=sends)
    assert (error.code, error.kind) == (code, kind)


@pytest.mark.parametrize(
    "aws_code", ["InternalError", "ServiceUnavailable", "Unavailable", "500", "502", "503", "SomethingNew"]
)
def test_a_fault_of_aws_leaves_an_effect_in_doubt_and_a_read_to_be_tried_again(aws_code: str) -> None:
    assert translate(refusal(aws_code, 503), sends=True).kind is ErrorKind.IN_DOUBT
    assert translate(refusal(aws_code, 503), sends=False).kind is ErrorKind.THROTTLED


def test_a_throttle_is_no_fault_although_its_status_is_503() -> None:
    assert translate(refusal("RequestLimitExceeded", 503), sends=True).kind is ErrorKind.THROTTLED


LOST = [
    exceptions.ReadTimeoutError(endpoint_url="https://ec2"),
    exceptions.ConnectionClosedError(endpoint_url="https://ec2"),
    exceptions.HTTPClientError(error=ValueError("reset")),
    exceptions.SSLError(endpoint_url="https://ec2", error=ValueError("eof")),
    exceptions.ResponseStreamingError(error=ValueError("short")),
    ResponseParserError("not XML"),
]
NEVER_SENT = [
    exceptions.EndpointConnectionError(endpoint_url="https://ec2"),
    exceptions.ConnectTimeoutError(endpoint_url="https://ec2"),
    exceptions.ProxyConnectionError(proxy_url="http://proxy"),
]


@pytest.mark.parametrize("lost", LOST, ids=lambda error: type(error).__name__)
def test_a_lost_answer_leaves_an_effect_in_doubt(lost: Exception) -> None:
    assert translate(lost, sends=True).kind is ErrorKind.IN_DOUBT
    assert translate(lost, sends=False).kind is ErrorKind.THROTTLED


@pytest.mark.parametrize("refused", NEVER_SENT, ids=lambda error: type(error).__name__)
def test_what_was_never_sent_had_no_effect(refused: Exception) -> None:
    error = translate(refused, sends=True)
    assert (error.code, error.kind) == ("action.unreachable", ErrorKind.THROTTLED)


@pytest.mark.parametrize("wrong", [exceptions.NoCredentialsError(), exceptions.ParamValidationError(report="Missing")])
def test_what_can_never_work_is_final(wrong: Exception) -> None:
    assert translate(wrong, sends=True).kind is ErrorKind.TERMINAL


def test_a_message_names_the_resource_awss_words_and_what_to_do() -> None:
    error = translate(refusal("InvalidVolume.NotFound", said="The volume 'vol-1' does not exist."))
    assert error.message == (
        "AWS refused CreateSnapshots for vol-1 in us-east-1: InvalidVolume.NotFound: The volume 'vol-1' does not "
        "exist. It does not exist (any more); take it out of the selection or make it."
    )
    assert error.details == {
        "aws_code": "InvalidVolume.NotFound",
        "request_id": "req-1",
        "operation": "CreateSnapshots",
        "resource": "vol-1 in us-east-1",
    }


def test_a_denial_names_the_iam_action_to_allow() -> None:
    assert (
        "Allow the IAM action kms:DescribeKey"
        in translate(refusal("AccessDeniedException", operation="DescribeKey"), service="kms").message
    )


def test_an_encoded_authorization_message_is_cut() -> None:
    error = translate(refusal("UnauthorizedOperation", said="x" * 5000))
    assert len(error.message) < MESSAGE_LIMIT + 250


def test_errors_of_our_own_pass_through() -> None:
    with pytest.raises(RefusedError), translated("vol-1"):
        raise RefusedError("aws.read_only", "No.")


def test_every_meaning_says_what_to_do() -> None:
    for aws_code, meaning in TABLE.items():
        assert meaning.advice or meaning.code == "action.denied", aws_code
        assert meaning_of(aws_code) is meaning
