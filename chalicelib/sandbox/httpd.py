"""A small HTTP server for the sandbox: one request at a time, connections kept, and a fork of itself on request."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

from chalicelib.sandbox.request import Request, Response

HOST = "127.0.0.1"
Answerer = Callable[[Request], "Response | None"]


class ForkedAway(BaseException):
    """Raised in the child right after a fork: leave the parent's work and serve on."""


class Server:
    """Serves on one loopback port. `answer` is called by one thread at a time."""

    def __init__(self, answer: Answerer) -> None:
        self.answer = answer
        self.listener = listening(0)
        self.lock = threading.Lock()
        self.connections: set[socket.socket] = set()

    @property
    def port(self) -> int:
        """The port served on."""
        return int(self.listener.getsockname()[1])

    @property
    def url(self) -> str:
        """The address served on."""
        return f"http://{HOST}:{self.port}"

    def bind(self, port: int) -> None:
        """Listen on this port instead (0: any free one)."""
        self.listener.close()
        self.listener = listening(port)

    def serve(self) -> None:
        """Accept connections for ever, each in a thread of its own."""
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def fork(self) -> dict[str, Any]:
        """Make a copy of this process that serves on a port of its own; call it while answering a request.

        Returns:
            In the parent: the address and pid of the copy.

        Raises:
            ForkedAway: in the copy, which must not answer the request.
        """
        listener = listening(0)
        url, parent = f"http://{HOST}:{listener.getsockname()[1]}", os.getpid()
        pid = os.fork()
        if pid:
            listener.close()
            return {"url": url, "pid": pid}
        self.listener.close()
        for connection in self.connections:
            os.close(connection.detach())  # close() would leave them open for the files made of them
        self.listener, self.connections, self.lock = listener, set(), threading.Lock()
        leave_with(parent)
        raise ForkedAway

    def _talk(self, connection: socket.socket) -> None:
        self.connections.add(connection)
        try:
            _Conversation(connection, self)
        except ForkedAway:
            _serve_then_exit(self)
        except OSError:
            pass  # the client is gone, perhaps by our own hand
        finally:
            self.connections.discard(connection)
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)  # a copy that was forked meanwhile may hold it too
            connection.close()


def _serve_then_exit(server: Server) -> None:
    # This thread is the copy's only one: it must never return into the parent's stack.
    try:
        server.serve()
    finally:
        os._exit(0)


def listening(port: int) -> socket.socket:
    """Return a socket that listens on the loopback interface only."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((HOST, port))
    made.listen(128)
    return made


def leave_with(pid: int) -> None:
    """End this process as soon as the other one is gone (looked at twice a second)."""

    def watch() -> None:
        child = os.getppid() == pid  # then its end shows at once, even if nobody collects it
        while alive(pid) and (not child or os.getppid() == pid):
            time.sleep(0.5)
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def alive(pid: int) -> bool:
    """Tell whether a process exists; one that has ended and only waits to be collected by us does not count."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class _Conversation(BaseHTTPRequestHandler):
    """The requests of one connection."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def __init__(self, connection: socket.socket, owner: Server) -> None:
        self.owner = owner
        super().__init__(connection, ("", 0), owner)  # type: ignore[arg-type]

    def _serve(self) -> None:
        request = self._request()
        owner = self.owner
        with owner.lock:
            try:
                response = owner.answer(request)
            except ForkedAway:
                raise
            except Exception:  # noqa: BLE001 - a fault of the sandbox must not look like one of AWS's
                sys.stderr.write(traceback.format_exc())
                response = Response(500, [("Content-Type", "text/plain")], traceback.format_exc().encode())
        if response is None:
            self.close_connection = True
            return
        self._send(response)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = do_OPTIONS = _serve  # noqa: N815 - http.server's names

    def _request(self) -> Request:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = self._chunks()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, _, query = self.path.partition("?")
        return Request(self.command, path, query, self.headers, body)

    def _chunks(self) -> bytes:
        parts = []
        while True:
            size = int(self.rfile.readline().split(b";")[0], 16)
            parts.append(self.rfile.read(size))
            self.rfile.readline()
            if not size:
                return b"".join(parts)

    def _send(self, response: Response) -> None:
        self.send_response_only(response.status)
        for name, value in response.headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)
        self.wfile.flush()


def collect_children() -> None:
    """Let ended copies vanish without being waited for."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
