"""check.endpoint against a small server: as stated or not, and where it never leads."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from pydantic import ValidationError

from chalicelib.actions.base import Verdict
from chalicelib.actions.endpoint import Endpoint, EndpointFound, EndpointGiven
from chalicelib.aws.endpoints import forbidden
from chalicelib.errors import ActionError
from tests.unit.actions.world import plain_context

ASKED: list[str] = []


class Shop(BaseHTTPRequestHandler):
    """Answers 200 to /, 503 to /down, leads from /away to elsewhere, and says nothing at /mute."""

    def do_GET(self) -> None:
        ASKED.append(self.path)
        if self.path == "/mute":
            return
        self.send_response({"/down": 503, "/away": 302}.get(self.path, 200))
        if self.path == "/away":
            self.send_header("Location", "http://169.254.169.254/latest/meta-data/")
        self.end_headers()
        self.wfile.write(b"the shop is open")

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(name="shop")
def _shop() -> Iterator[str]:
    ASKED.clear()
    server = HTTPServer(("127.0.0.1", 0), Shop)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def check(url: str, **more: Any) -> Verdict:
    found = Endpoint(lambda _: "").check(EndpointGiven.model_validate({"url": url, **more}), plain_context())
    EndpointFound.model_validate(found.outputs)
    return found


def test_an_answer_as_stated_is_well(shop: str) -> None:
    assert check(shop).outputs == {"ok": True, "status": 200}
    assert check(f"{shop}/search?q=1", text="open").outputs["ok"]
    assert check(f"{shop}/down", status=503).outputs["ok"]
    assert ASKED == ["/", "/search?q=1", "/down"]


def test_another_status_or_text_is_not(shop: str) -> None:
    down, closed = check(f"{shop}/down"), check(shop, text="closed")
    assert down.findings[0].message == f"{shop}/down answers 503, not 200."
    assert "'closed' does not stand in it" in closed.findings[0].message
    assert {f.code for f in (*down.findings, *closed.findings)} == {"check.endpoint_unwell"}


def test_a_redirect_is_an_answer_and_is_not_followed(shop: str) -> None:
    assert check(f"{shop}/away").findings[0].message == f"{shop}/away answers 302, not 200."
    assert ASKED == ["/away"]


def test_silence_is_not_well(shop: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    for url in (f"{shop}/mute", f"http://127.0.0.1:{port}", f"https{shop[4:]}", "http://nowhere.invalid/"):
        found = check(url, timeout="1s")
        assert (found.outputs["ok"], "does not answer" in found.findings[0].message) == (False, True)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "fd00:ec2::254",
        "fe80::1",
        "127.0.0.1",
        "::1",
        "::ffff:169.254.169.254",
        "::",
        "224.0.0.1",
    ],
)
def test_addresses_that_are_never_asked(address: str) -> None:
    assert forbidden(ipaddress.ip_address(address))
    host = f"[{address}]" if ":" in address else address
    found = Endpoint().check(EndpointGiven(url=f"http://{host}/"), plain_context())
    assert "it was not asked" in found.findings[0].message


@pytest.mark.parametrize("address", ["10.0.0.1", "192.168.1.1", "52.95.110.1", "2600:1f18::1", "fd12::1"])
def test_addresses_that_may_be_asked(address: str) -> None:
    assert forbidden(ipaddress.ip_address(address)) == ""


def test_a_name_that_leads_to_this_machine_is_not_asked(shop: str) -> None:
    port = shop.rsplit(":", 1)[1]
    found = Endpoint().check(EndpointGiven(url=f"http://localhost:{port}/"), plain_context())
    assert "is this machine itself" in found.findings[0].message
    assert ASKED == []


def test_it_is_asked_again_while_there_is_patience(shop: str) -> None:
    ctx = plain_context()
    given = EndpointGiven(url=f"{shop}/down")
    with pytest.raises(ActionError, match="Not yet"):
        Endpoint(lambda _: "").check(given, replace(ctx, opened_at=ctx.now))
    late = replace(ctx, opened_at=ctx.now - timedelta(minutes=5))
    assert Endpoint(lambda _: "").check(given, late).outputs["ok"] is False
    assert Endpoint.name == "check.endpoint"


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "file:///etc/passwd"},
        {"url": "ftp://shop.example"},
        {"url": "shop.example"},
        {"url": "http://ana:secret@shop.example"},
        {"url": "http://shop.example/a b"},
        {"url": "http://shop.example:port/"},
        {"url": "http://shop.example", "timeout": "21s"},
        {"url": "http://shop.example", "status": 99},
    ],
)
def test_what_is_no_address_of_a_service_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        EndpointGiven.model_validate(wrong)
