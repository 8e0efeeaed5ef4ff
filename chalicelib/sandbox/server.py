"""The process that is AWS: `python -m chalicelib.sandbox.server --port 0`.

Prints one line of JSON when it is ready, `{"url": ..., "pid": ...}`, and ends when its parent does.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import threading
from typing import Any

os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")  # before moto is imported: 1,300 snapshots nobody made

from chalicelib.sandbox.control import PREFIX, Control
from chalicelib.sandbox.httpd import HOST, Server, collect_children, leave_with
from chalicelib.sandbox.request import Request, Response
from chalicelib.sandbox.weather import ground
from chalicelib.sandbox.weather.clock import DEFAULT_START, to_epoch
from chalicelib.sandbox.weather.settings import Weather
from chalicelib.sandbox.weather.sky import Sky, spread

WARM = ("ec2", "kms", "dynamodb", "sns", "sts")
QUIT_AFTER_S = 0.05  # real time: the answer to `quit` leaves first


class Sandbox:
    """The whole: door, control and the server they stand behind."""

    def __init__(self, sky: Sky) -> None:
        from chalicelib.sandbox.door import Door

        self.sky = sky
        self.door = Door(sky)
        self.server = Server(self.answer)
        self.control = Control(sky, self.server.fork, self.leave)

    def answer(self, request: Request) -> Response | None:
        """Answer a control request or an AWS call; each answer carries the virtual time."""
        if request.path.startswith(PREFIX):
            response: Response | None = self.control.answer(request)
        elif request.path.startswith("/moto-api"):
            response = Response(404, [], b"moto's own API would pull the ground from under the weather")
        else:
            response = self.door.enter(request)
        if response is not None:
            response.headers.append(("X-Lifeboat-Now", self.sky.clock.iso(timespec="microseconds")))
        return response

    def leave(self) -> dict[str, Any]:
        """End this process, after the answer."""
        threading.Timer(QUIT_AFTER_S, os._exit, (0,)).start()
        return {}


def warm_up() -> None:
    """Import and set up what every client needs, so that no first call is slow."""
    import importlib

    from moto.core.utils import get_service_model

    for service in WARM:
        importlib.import_module(f"moto.{service}.responses")
        get_service_model(service)


def main(arguments: list[str] | None = None) -> None:
    """Serve until the parent ends."""
    given = _parser().parse_args(arguments)
    sky = Sky(to_epoch(given.start), Weather(seed=given.seed), weather=given.weather == "on")
    spread(sky)
    warm_up()
    ground.prepare(sky)
    sandbox = Sandbox(sky)
    sandbox.server.bind(given.port)
    sandbox.door.address = (HOST, sandbox.server.port)
    collect_children()
    leave_with(given.parent_pid or os.getppid())
    gc.collect()
    gc.freeze()  # forks share what is here now
    sys.stdout.write(json.dumps({"url": sandbox.server.url, "pid": os.getpid()}) + "\n")
    sys.stdout.flush()
    sandbox.server.serve()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="chalicelib.sandbox.server", description="An embedded AWS with weather.")
    parser.add_argument("--port", type=int, default=0, help="loopback port; 0 takes a free one")
    parser.add_argument("--seed", type=int, default=1, help="seed of all chance")
    parser.add_argument("--start", default=DEFAULT_START, help="virtual time at the start, ISO 8601")
    parser.add_argument("--weather", choices=["on", "off"], default="on", help="off: plain moto")
    parser.add_argument("--parent-pid", type=int, default=0, help="end with this process (default: the parent)")
    return parser


if __name__ == "__main__":
    main()
