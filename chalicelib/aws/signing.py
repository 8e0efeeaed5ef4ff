"""Requests to Lifeboat's own API, signed with the caller's own credentials (Signature Version 4).

Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-control-access-using-iam-policies-to-invoke-api.html
and https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html. botocore signs and sends.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from chalicelib.errors import ActionError, ErrorKind, InputError

SERVICE = "execute-api"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
HOST = re.compile(r"\.execute-api\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?$")
TIMEOUT_S = 60  # API Gateway itself gives up after 29


def region_of(url: str, otherwise: str) -> str:
    """Return the Region that a request is signed for: that of the host's name, else the one given."""
    found = HOST.search(urlsplit(url).hostname or "")
    return found[1] if found else otherwise


def signed(
    method: str, url: str, body: bytes, headers: Mapping[str, str], region: str, credentials: Any
) -> dict[str, str]:
    """Return the headers of a request with its signature, which covers method, path, query, headers and body."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    request = AWSRequest(method=method, url=url, data=body, headers=dict(headers))
    SigV4Auth(credentials, SERVICE, region).add_auth(request)
    return dict(request.headers.items())


class Caller:
    """Who asks: the credentials as botocore finds them, looked for once and renewed by botocore when they expire."""

    def __init__(self) -> None:
        self._found: Any = None

    def credentials(self) -> Any:
        """Return the credentials as they are now.

        Raises:
            InputError: there are none (`aws.no_credentials`).
        """
        import botocore.session

        self._found = self._found or botocore.session.get_session().get_credentials()
        if self._found is None:
            raise InputError(
                "aws.no_credentials",
                "There are no AWS credentials here: set AWS_PROFILE, or log in with `aws sso login`.",
            )
        return self._found.get_frozen_credentials()


def sent(
    method: str, url: str, body: bytes, headers: Mapping[str, str], region: str, caller: Caller
) -> tuple[int, bytes]:
    """Sign and send one request; returns status and body. To this machine itself it goes unsigned.

    Raises:
        ActionError: there was no answer: `api.unreachable` when nothing was sent, else `api.no_answer`.
        InputError: there are no credentials, or the URL is not one.
    """
    from botocore import exceptions
    from botocore.awsrequest import AWSRequest
    from botocore.httpsession import URLLib3Session

    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InputError("usage.api", f"'{url}' is not a URL of the API; write https://....")
    if parts.hostname not in LOOPBACK:
        if parts.scheme != "https":
            raise InputError("usage.api", f"'{url}' is not https; only this machine itself is spoken to without.")
        headers = signed(method, url, body, headers, region, caller.credentials())
    prepared = AWSRequest(method=method, url=url, data=body, headers=dict(headers)).prepare()
    try:
        answer = URLLib3Session(timeout=TIMEOUT_S).send(prepared)
    except (
        exceptions.EndpointConnectionError,
        exceptions.ConnectTimeoutError,
        exceptions.ProxyConnectionError,
    ) as error:
        raise ActionError(
            "api.unreachable",
            f"The API at {parts.netloc} cannot be reached ({error}). Look at the URL and the network.",
            ErrorKind.THROTTLED,
        ) from error
    except exceptions.HTTPClientError as error:
        said = f"The API at {parts.netloc} did not answer ({type(error).__name__})"
        advice = "The same command with the same --key is safe."
        raise ActionError("api.no_answer", f"{said}. {advice}", ErrorKind.THROTTLED) from error
    return answer.status_code, answer.content
