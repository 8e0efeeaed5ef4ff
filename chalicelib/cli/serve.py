"""`lifeboat serve`: the API on this machine, over the embedded AWS, for trying it out and for tests.

The same routes as deployed, behind a small HTTP server on 127.0.0.1. Signatures are not looked at: who can reach the
port may do everything, with an AWS that is not there.
"""

from __future__ import annotations

import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chalicelib.cli.options import Place, Runbooks
from chalicelib.errors import InputError, LifeboatError, SupersededError

if TYPE_CHECKING:
    from chalicelib.bootstrap import Services
    from chalicelib.engine.ports import Clock, Journal
    from chalicelib.sandbox.client import Control

HOST = "127.0.0.1"
JSON = {"Content-Type": "application/json"}
END = ("", 0)  # in the queue of what should execute: nothing more will
A_MINUTE_S = 1.0  # real time that a minute takes at least while a person is asked something
PAUSE_S = 0.02  # real time between two ticks of a run, so that people can look in between
MOST_BYTES = 1024 * 1024  # of a request; the API's own limit is lower, and answered as a problem


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve")(serve)


def serve(
    sandbox: Annotated[bool, typer.Option("--sandbox", help="Over the embedded AWS; there is no other way.")] = False,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port; 0 = any that is free.")] = 8000,
    runbooks: Runbooks = None,
) -> None:
    """Serve the API on 127.0.0.1 over the embedded AWS, until Ctrl-C."""
    if not sandbox:
        raise InputError("usage.where", "Say --sandbox: on AWS it is API Gateway that serves the API.")
    with served(port, Place(sandbox=True, runbooks=runbooks)) as url:
        typer.echo(f"Lifeboat's API is at {url}, over the embedded AWS. Ctrl-C ends it.")
        until_asked_to_end()


def until_asked_to_end() -> None:
    """Wait for Ctrl-C or SIGTERM."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    with suppress(KeyboardInterrupt):
        while not ended.wait(1):
            pass


class QueueLauncher:
    """Puts what should execute into a queue, from which another thread drives it."""

    def __init__(self) -> None:
        self.wanted: queue.Queue[tuple[str, int]] = queue.Queue()

    def start(self, run_id: str, generation: int) -> None:
        """Ask for an execution; one that is asked for twice finds itself superseded, or ended."""
        self.wanted.put((run_id, generation))

    def holder(self, run_id: str, generation: int) -> str:
        """Return the execution's name."""
        return f"execution:{run_id}_{generation}"

    def settle(self, slot: str) -> bool:  # noqa: ARG002 - there is nobody else
        """Leave what runs owe to this process."""
        return False


@contextmanager
def served(
    port: int,
    place: Place,
    control: Control | None = None,
    *,
    journal: Callable[[Clock], Journal] | None = None,
    driver: Callable[[Services, QueueLauncher], None] | None = None,
) -> Iterator[str]:
    """Serve in threads of this process, and stop behind; yields the URL.

    Args:
        port: 0 = any that is free.
        place: Which runbooks.
        control: A sandbox that runs already; None = a new one.
        journal: As for `world`.
        driver: What carries runs out, until it takes `END` from the queue; None = each tick of each in turn, at once.
    """
    from chalicelib.cli.world import sandboxed

    launcher = QueueLauncher()
    with sandboxed(place, journal, control, launcher) as services:
        server = ThreadingHTTPServer((HOST, port), _handler(services))
        server.daemon_threads = True
        threads = [
            threading.Thread(target=server.serve_forever, daemon=True),
            threading.Thread(target=driver or _drive_for_ever, args=(services, launcher), daemon=True),
        ]
        for thread in threads:
            thread.start()
        try:
            yield f"http://{HOST}:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()
            launcher.wanted.put(END)
            threads[1].join(timeout=10)


def _drive_for_ever(services: Services, launcher: QueueLauncher) -> None:
    """Drive runs side by side, a tick of each in turn: one that is paused or slow holds nobody up."""
    running: dict[tuple[str, int], None] = {}
    while True:
        with suppress(queue.Empty):
            while True:
                wanted = launcher.wanted.get(block=not running, timeout=None)
                if wanted == END:
                    return
                running[wanted] = None
                if launcher.wanted.empty():
                    break
        waits = []
        for run_id, generation in list(running):
            wait_s = tick_of(services, run_id, generation)
            if wait_s is None:
                running.pop((run_id, generation))
            else:
                waits.append(wait_s)
        if waits:
            services.clock.sleep(min(waits))
            time.sleep(max(PAUSE_S, A_MINUTE_S * min(60, *waits) / 60) if _asks(services) else PAUSE_S)


def _asks(services: Services) -> bool:
    """Return True while somebody may be about to answer: time must not fly by then."""
    return next(services.ledger.asked_before(None), None) is not None


def tick_of(services: Services, run_id: str, generation: int) -> int | None:
    """Work one slice of a run; returns how long it waits, None when this generation is over."""
    try:
        tick = services.engine.advance(run_id, generation)
    except SupersededError:
        return None
    except LifeboatError as error:
        services.engine.journal.note("tick failed", run_id=run_id, error_code=error.code)
        return 30
    if tick.ended or tick.generation != generation:
        return None
    return tick.wait_s


def _gateway(services: Services) -> Any:
    """Return what gives requests to a Chalice app as API Gateway would."""
    from chalice import Chalice
    from chalice.config import Config
    from chalice.local import LocalGateway

    from chalicelib.api.blueprint import as_problems, blueprint

    app = Chalice("lifeboat")
    app.register_middleware(as_problems, "http")
    app.register_blueprint(blueprint(lambda: services, signed=False))
    return LocalGateway(app, Config.create(chalice_stage="local"))


class Handler(BaseHTTPRequestHandler):
    """Answers one connection; `gateway` is set by `_handler`."""

    protocol_version = "HTTP/1.1"
    gateway: Any

    def answer(self) -> None:
        """Give the request to the app; what API Gateway itself would refuse is refused as it does."""
        from chalice.local import ForbiddenError

        length = int(self.headers.get("Content-Length") or 0)
        if length > MOST_BYTES:
            self.close_connection = True
            self.send(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, JSON, b'{"message": "Request Too Long"}')
            return
        body = self.rfile.read(length) if length else b""
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            told = self.gateway.handle_request(self.command, self.path, headers, body)
        except ForbiddenError as error:
            self.send(HTTPStatus.FORBIDDEN, {**JSON, **error.headers}, bytes(error.body or b""))
            return
        text = told.get("body") or ""
        self.send(told["statusCode"], told["headers"], text if isinstance(text, bytes) else text.encode())

    def send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Write an answer."""
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() != "content-length":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def __getattr__(self, name: str) -> Any:
        """Answer every method alike: the app says which it knows."""
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def log_message(self, *_: Any) -> None:
        """Say nothing of every request."""


def _handler(services: Services) -> type[Handler]:
    return type("ServicesHandler", (Handler,), {"gateway": _gateway(services)})
