"""What the command does with the API's answers: what passes is asked for again, what was found out is not."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from chalicelib.cli.remote import TRIES, Remote
from chalicelib.errors import ActionError, ErrorKind

PROBLEM = {"code": "action.denied", "detail": "AWS refused DescribeVolumes."}
GATEWAY = {"message": "Endpoint request timed out"}


class Gateway(ThreadingHTTPServer):
    """Answers everything alike, and remembers what it was asked."""

    answer: tuple[int, dict[str, Any]] = (200, {})

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.paths: list[str] = []


class Answers(BaseHTTPRequestHandler):
    """Gives the gateway's answer."""

    server: Gateway

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        status, body = self.server.answer
        text = json.dumps(body).encode()
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(name="gateway")
def _gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with Gateway() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield server
        server.shutdown()


@pytest.mark.parametrize(
    ("operation", "status", "body", "tries", "kind"),
    [
        ("listRuns", 502, PROBLEM, 1, ErrorKind.TERMINAL),
        ("listRuns", 500, PROBLEM, 1, ErrorKind.TERMINAL),
        ("listRuns", 503, PROBLEM, TRIES, ErrorKind.THROTTLED),
        ("listRuns", 502, GATEWAY, TRIES, ErrorKind.THROTTLED),
        ("listRuns", 429, GATEWAY, TRIES, ErrorKind.THROTTLED),
        ("startRun", 504, GATEWAY, TRIES, ErrorKind.THROTTLED),
        ("planRunbook", 504, GATEWAY, 1, ErrorKind.TERMINAL),
    ],
)
def test_what_passes_is_asked_for_again_and_what_was_found_out_is_not(
    gateway: Gateway, operation: str, status: int, body: dict[str, Any], tries: int, kind: ErrorKind
) -> None:
    gateway.answer = (status, body)
    with pytest.raises(ActionError) as caught:
        Remote(f"http://127.0.0.1:{gateway.server_port}", "us-east-1").ask(operation, {"name": "x"}, {}, "key")
    assert (len(gateway.paths), caught.value.kind) == (tries, kind)


def test_a_query_is_written_as_it_is_signed(gateway: Gateway) -> None:
    """Signature Version 4 knows %20 for a space, and takes a plus for a plus."""
    asked = {"policy": "a b+c/d"}
    Remote(f"http://127.0.0.1:{gateway.server_port}", "us-east-1").ask("listRecoveryPoints", asked=asked)
    assert gateway.paths == ["/recovery-points?policy=a%20b%2Bc%2Fd"]
