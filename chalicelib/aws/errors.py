"""One table: what AWS's error codes mean to Lifeboat, and what is to be done about each.

Sources: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html,
https://docs.aws.amazon.com/ebs/latest/userguide/ebs-resource-quotas.html,
https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/CommonErrors.html and the error lists of its operations,
https://docs.aws.amazon.com/kms/latest/APIReference/API_DescribeKey.html and
https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from chalicelib.errors import ActionError, ErrorKind

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

SERVER_ERROR = 500  # from here on the fault is AWS's, and an effect may have happened
MESSAGE_LIMIT = 400  # characters of AWS's own words: encoded authorization messages are kilobytes long


class Meaning(NamedTuple):
    """What one of AWS's codes is to us: our code, what the engine does, what a person does."""

    code: str
    kind: ErrorKind
    advice: str


THROTTLED = Meaning("action.throttled", ErrorKind.THROTTLED, "It is tried again by itself.")
AT_CAPACITY = Meaning(
    "action.at_capacity", ErrorKind.AT_CAPACITY, "It is tried again when there is room; or ask AWS for a higher quota."
)
OWN_QUOTA = Meaning(  # of one volume: no reason to hold up the others, so it comes as busy
    "action.at_capacity", ErrorKind.BUSY, "The volume's own snapshots must make room; it is tried again by itself."
)
FULL = Meaning(  # the same code as for too many copies at once, told apart by AWS's words
    "action.quota_full",
    ErrorKind.TERMINAL,
    "Delete manual snapshots that nobody needs (`rds.expire_snapshots`), or ask AWS for a higher quota.",
)
BUSY = Meaning("action.busy", ErrorKind.BUSY, "It is tried again until the step's deadline.")
DENIED = Meaning("action.denied", ErrorKind.TERMINAL, "")
GONE = Meaning(
    "action.resource_gone", ErrorKind.TERMINAL, "It does not exist (any more); take it out of the selection or make it."
)
KEY = Meaning(
    "action.key_unusable", ErrorKind.TERMINAL, "Enable the KMS key, or name another one, and allow this role to use it."
)
NO_ANSWER = Meaning("action.no_answer", ErrorKind.IN_DOUBT, "It is looked up, and tried again if it had no effect.")
UNREACHABLE = Meaning("action.unreachable", ErrorKind.THROTTLED, "Nothing was sent; it is tried again by itself.")
NAMED = Meaning(  # the name is the effect's own: most likely an earlier call of ours whose answer was lost
    "action.name_taken", ErrorKind.IN_DOUBT, "It is looked up: if it is this effect's own, it is adopted."
)
IN_USE = Meaning(
    "action.in_use", ErrorKind.TERMINAL, "It is kept. Remove what stands on it (deregister the image) if it is to go."
)
REFUSED = Meaning("action.refused", ErrorKind.TERMINAL, "Read AWS's reason and correct the runbook or the resource.")


def _each(meaning: Meaning, codes: str) -> dict[str, Meaning]:
    return dict.fromkeys(codes.split(), meaning)


TABLE: dict[str, Meaning] = {
    **_each(
        THROTTLED,
        "RequestLimitExceeded Throttling ThrottlingException ThrottledException Throttled RequestThrottled"
        " RequestThrottledException TooManyRequestsException EC2ThrottledException SlowDown BandwidthLimitExceeded"
        " PriorRequestNotComplete ProvisionedThroughputExceededException KMSThrottlingException",
    ),
    **_each(
        AT_CAPACITY,
        "ResourceLimitExceeded PendingSnapshotLimitExceeded SnapshotLimitExceeded SnapshotQuotaExceeded"
        " SnapshotQuotaExceededFault InsufficientVolumeCapacity InsufficientInstanceCapacity"
        " InsufficientDBInstanceCapacity InsufficientDBClusterCapacityFault"
        " InstanceQuotaExceeded DBClusterQuotaExceededFault StorageQuotaExceeded"
        " VolumeLimitExceeded MaxIOPSLimitExceeded InstanceLimitExceeded"
        " LimitExceededException",
    ),
    **_each(OWN_QUOTA, "SnapshotCreationPerVolumeRateExceeded ConcurrentSnapshotLimitExceeded"),
    **_each(
        BUSY,
        "IncorrectState IncorrectInstanceState InvalidDBInstanceState InvalidDBInstanceStateFault"
        " InvalidDBSnapshotState InvalidDBClusterStateFault InvalidDBClusterSnapshotStateFault InvalidState"
        " ScalingActivityInProgress ResourceContention ExpiredToken ExpiredTokenException RequestExpired",
    ),
    **_each(
        DENIED,
        "UnauthorizedOperation AccessDenied AccessDeniedException AuthorizationError AuthorizationErrorException"
        " AuthFailure OptInRequired UnrecognizedClientException InvalidClientTokenId SignatureDoesNotMatch"
        " NotAuthorized",
    ),
    **_each(
        GONE,
        "InvalidVolume.NotFound InvalidSnapshot.NotFound InvalidInstanceID.NotFound NotFound NotFoundException"
        " InvalidAMIID.NotFound DBInstanceNotFound DBSnapshotNotFound DBClusterNotFoundFault"
        " DBClusterSnapshotNotFoundFault DBSubnetGroupNotFoundFault DBParameterGroupNotFound"
        " DBClusterParameterGroupNotFound OptionGroupNotFoundFault ResourceNotFoundException",
    ),
    **_each(IN_USE, "InvalidSnapshot.InUse"),
    **_each(
        NAMED,
        "InvalidAMIName.Duplicate DBSnapshotAlreadyExists DBClusterSnapshotAlreadyExistsFault DBInstanceAlreadyExists"
        " DBClusterAlreadyExistsFault",
    ),
    **_each(
        KEY,
        "DisabledException KMSInvalidStateException KMSDisabledException KMS.DisabledException KMSDisabled"
        " KMSInvalidState KMSNotFound KMSAccessDenied InvalidKmsKey.Malformed InvalidKmsKey.InvalidState"
        " KMSKeyNotAccessibleFault",
    ),
    **_each(
        NO_ANSWER,
        "InternalError InternalFailure InternalServerError ServiceUnavailable ServiceUnavailableException Unavailable"
        " RequestTimeout RequestTimeoutException 500 502 503 504",
    ),
}


def meaning_of(code: str, status: int = 0, said: str = "") -> Meaning:
    """Return what a code means; unknown ones are refusals, or unanswered when the fault is AWS's (status >= 500).

    RDS has one code for two quotas: of copies at once, where room comes by itself, and of manual snapshots, where it
    does not. Only its words tell which.
    """
    if code.startswith("SnapshotQuotaExceeded") and "manual snapshot" in said.lower():
        return FULL
    return TABLE.get(code) or (NO_ANSWER if status >= SERVER_ERROR else REFUSED)


@contextmanager
def translated(resource: str, *, service: str = "ec2", sends: bool = False) -> Iterator[None]:
    """Turn what botocore raises into an `ActionError` that names the resource and what to do.

    Args:
        resource: What the call is about, as an operator would name it.
        service: Prefix of the IAM action, for the message of a denial.
        sends: True for calls that change something. Without an answer their effect is in doubt; a read without an
            answer is simply read again.

    Raises:
        ActionError: with `aws_code`, `request_id`, `operation` and `resource` in its details.
    """
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    try:
        yield
    except ClientError as error:
        raise _refused(error, resource, service, sends=sends) from error
    except (BotoCoreError, ResponseParserError) as error:
        raise _unanswered(error, resource, sends=sends) from error


def _refused(error: ClientError, resource: str, service: str, *, sends: bool) -> ActionError:
    answer = error.response
    code = answer.get("Error", {}).get("Code", "")
    said = answer.get("Error", {}).get("Message", "")[:MESSAGE_LIMIT]
    metadata = answer.get("ResponseMetadata", {})
    meaning = meaning_of(code, metadata.get("HTTPStatusCode", 0), said)
    operation = error.operation_name
    advice = meaning.advice or f"Allow the IAM action {service}:{operation} to this role, or look for an explicit deny."
    kind = meaning.kind
    if kind is ErrorKind.IN_DOUBT and not sends:
        kind = ErrorKind.THROTTLED
    return ActionError(
        meaning.code,
        f"AWS refused {operation} for {resource}: {code}: {said.rstrip('.')}. {advice}",
        kind,
        aws_code=code,
        request_id=metadata.get("RequestId", ""),
        operation=operation,
        resource=resource,
    )


def _unanswered(error: Exception, resource: str, *, sends: bool) -> ActionError:
    from botocore import exceptions
    from botocore.parsers import ResponseParserError

    never_sent = (exceptions.EndpointConnectionError, exceptions.ConnectTimeoutError, exceptions.ProxyConnectionError)
    lost = (exceptions.HTTPClientError, exceptions.ConnectionError, exceptions.IncompleteReadError, ResponseParserError)
    if isinstance(error, never_sent):
        meaning, kind = UNREACHABLE, UNREACHABLE.kind
    elif isinstance(error, lost):
        meaning, kind = NO_ANSWER, ErrorKind.IN_DOUBT if sends else ErrorKind.THROTTLED
    else:
        meaning, kind = REFUSED, REFUSED.kind
    name = type(error).__name__
    said = str(error)[:MESSAGE_LIMIT].rstrip(".")
    return ActionError(
        meaning.code, f"{resource}: {said} ({name}). {meaning.advice}", kind, aws_code=name, resource=resource
    )
