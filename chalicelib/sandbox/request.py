"""An HTTP request to the sandbox, and what is known of the AWS call in it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import parse_qs, unquote

READS = ("Describe", "Get", "List", "Search", "Head", "BatchGet", "Query", "Scan", "Verify", "Assume")


@dataclass(frozen=True)
class Request:
    """One HTTP request, read completely."""

    method: str
    path: str
    query: str
    headers: Message
    body: bytes

    def header(self, name: str) -> str | None:
        """Return a header, or None."""
        return self.headers.get(name)

    def json(self) -> Any:
        """Read the body as JSON; an empty body is an empty object.

        Raises:
            ValueError: it is no JSON.
        """
        return json.loads(self.body) if self.body else {}

    def asked(self, name: str, default: str) -> str:
        """Return a field of the query string."""
        return parse_qs(self.query).get(name, [default])[0]


@dataclass(frozen=True)
class Response:
    """What is answered; None as an answer elsewhere means that the connection is dropped."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


@dataclass(frozen=True)
class Target:
    """Which AWS operation a request is for."""

    service: str
    region: str
    operation: str

    @property
    def reads(self) -> bool:
        """Whether the operation changes nothing, by its name."""
        return self.operation.startswith(READS)


_SCOPE = re.compile(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/aws4_request")
_ACTION = re.compile(rb"(?:^|&)Action=(\w+)")


def target_of(request: Request) -> Target:
    """Tell the operation from the signature's scope, the target header, the form, or the client's own header."""
    found = _SCOPE.search(request.header("Authorization") or "")
    region, service = (found[1], found[2]) if found else ("us-east-1", "unknown")
    target = request.header("X-Amz-Target")
    action = _ACTION.search(request.body) if request.method == "POST" else None
    if target:
        operation = target.rsplit(".", 1)[-1]
    elif action:
        operation = action[1].decode()
    else:
        operation = request.header("X-Lifeboat-Operation") or f"{request.method} {request.path}"
    return Target(service, region, operation)


def environ_of(request: Request, host: str, port: int) -> dict[str, Any]:
    """Return the request as a WSGI application expects it, without the body."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(request.path, "latin-1"),
        "QUERY_STRING": request.query,
        "RAW_URI": request.path + ("?" + request.query if request.query else ""),
        "REQUEST_URI": request.path + ("?" + request.query if request.query else ""),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": host,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
        "CONTENT_LENGTH": str(len(request.body)),
    }
    for name, value in request.headers.items():
        key = name.upper().replace("-", "_")
        if key == "CONTENT_TYPE":
            environ[key] = value
        elif key not in {"CONTENT_LENGTH", "TRANSFER_ENCODING"}:
            environ["HTTP_" + key] = value
    return environ
