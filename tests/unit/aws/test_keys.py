"""KMS keys: found usable, or said why not."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.aws.clients import Aws
from chalicelib.aws.keys import key_problem, usable_key
from chalicelib.errors import ActionError, InputError

REGION = "us-west-2"


def made(aws: Aws, **more: Any) -> str:
    arn: str = aws.client("kms", REGION, "write").create_key(**more)["KeyMetadata"]["Arn"]
    return arn


def test_a_key_is_known_by_alias_id_and_arn(aws: Aws) -> None:
    arn = made(aws)
    aws.client("kms", REGION, "write").create_alias(AliasName="alias/recovery", TargetKeyId=arn)
    for name in ("alias/recovery", arn, arn.rsplit("/", 1)[1]):
        assert usable_key(aws, REGION, name) == arn


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"KeyUsage": "SIGN_VERIFY", "KeySpec": "RSA_2048"}, "is for SIGN_VERIFY with RSA_2048"),
        ({"KeyUsage": "ENCRYPT_DECRYPT", "KeySpec": "RSA_2048"}, "is for ENCRYPT_DECRYPT with RSA_2048"),
    ],
)
def test_a_key_of_the_wrong_sort_is_refused(aws: Aws, more: dict[str, str], why: str) -> None:
    with pytest.raises(InputError, match=why) as caught:
        usable_key(aws, REGION, made(aws, **more))
    assert caught.value.code == "action.key_unusable"


def test_a_key_of_another_region_is_refused_without_a_call(aws: Aws) -> None:
    with pytest.raises(InputError, match="belongs to eu-west-1"):
        usable_key(aws, REGION, "arn:aws:kms:eu-west-1:123456789012:key/1")
    assert aws.calls.take() == {}


def test_a_missing_key_is_a_problem_and_a_good_one_is_none(aws: Aws) -> None:
    assert key_problem(aws, REGION, "alias/nowhere") == "does not exist"
    assert key_problem(aws, REGION, made(aws)) is None


@pytest.mark.parametrize(("code", "status"), [("AccessDeniedException", 400), ("ThrottlingException", 400)])
def test_a_denied_key_is_a_problem_and_a_throttled_one_is_asked_again(aws: Aws, code: str, status: int) -> None:
    arn = made(aws)
    client: Any = aws.kms(REGION)

    def answer(**_: Any) -> tuple[Any, dict[str, Any]]:
        error = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
        return type("Http", (), {"status_code": status})(), error

    client.meta.events.register("before-call.kms.DescribeKey", answer)
    if code == "AccessDeniedException":
        assert key_problem(aws, REGION, arn) == "cannot be looked at (AccessDeniedException)"
    else:
        with pytest.raises(ActionError):
            key_problem(aws, REGION, arn)
    with pytest.raises(ActionError):
        usable_key(aws, REGION, arn)
