"""KMS keys: resolved and found usable before anything depends on them.

EBS checks a key only after it has accepted a copy, and then the copy ends in `error`:
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CopySnapshot.html. Key states:
https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html
"""

from __future__ import annotations

from chalicelib.aws.clients import Aws
from chalicelib.aws.errors import translated
from chalicelib.errors import ActionError, ErrorKind, InputError

USABLE_STATES = frozenset({"Enabled", "Updating"})  # Updating: a multi-Region key changes its primary, and still works
ARN_REGION = 3  # arn:partition:kms:REGION:account:key/id
UNKNOWN_KEY = frozenset({"NotFoundException", "InvalidArnException", "ValidationException"})


def usable_key(aws: Aws, region: str, key: str) -> str:
    """Return the ARN of a key of a Region that EBS can encrypt with, in one DescribeKey.

    Args:
        aws: The way to AWS.
        region: Where the key must be.
        key: An alias (`alias/name`), a key id, or the ARN of either.

    Raises:
        InputError: `action.key_unusable`, with why and what to do.
        ActionError: AWS refused the read for another reason.
    """
    arn, problem = _described(aws, region, key)
    if problem:
        raise InputError(
            "action.key_unusable",
            f"The KMS key {key} cannot be used in {region}: it {problem}. Enable it, or name a symmetric encryption "
            f"key of {region}.",
            key=key,
            region=region,
        )
    return arn


def key_problem(aws: Aws, region: str, key: str) -> str | None:
    """Return why nothing can be restored with a key (`is disabled`, ...), or None when it can.

    A key that may not be described counts as unusable, since a restore by the same role would find no more.

    Raises:
        ActionError: AWS did not answer, or throttles.
    """
    try:
        return _described(aws, region, key)[1]
    except ActionError as error:
        if error.kind is not ErrorKind.TERMINAL:
            raise
        return f"cannot be looked at ({error.details.get('aws_code')})"


def _described(aws: Aws, region: str, key: str) -> tuple[str, str | None]:
    """Return the ARN, and why the key cannot be used."""
    parts = key.split(":")
    if key.startswith("arn:") and len(parts) > ARN_REGION and parts[ARN_REGION] != region:
        return key, f"belongs to {parts[ARN_REGION]}"
    try:
        with translated(f"KMS key {key} in {region}", service="kms"):
            found = aws.kms(region).describe_key(KeyId=key)["KeyMetadata"]
    except ActionError as error:
        if error.details.get("aws_code") in UNKNOWN_KEY:
            return key, "does not exist"
        raise
    arn = found.get("Arn", key)
    state = found.get("KeyState", "Enabled")
    if state not in USABLE_STATES:
        return arn, f"is {state}"
    if found.get("KeyUsage", "ENCRYPT_DECRYPT") != "ENCRYPT_DECRYPT" or not _symmetric(found.get("KeySpec")):
        return arn, f"is for {found.get('KeyUsage')} with {found.get('KeySpec')}, not for symmetric encryption"
    return arn, None


def _symmetric(spec: str | None) -> bool:
    return spec in {None, "SYMMETRIC_DEFAULT"}
