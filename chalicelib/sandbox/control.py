"""The control API under /lifeboat/: never counted, never faulty, and it takes no virtual time."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from chalicelib.errors import LifeboatError
from chalicelib.sandbox import disasters, estates, timetable
from chalicelib.sandbox.autoscaling import living
from chalicelib.sandbox.request import Request, Response
from chalicelib.sandbox.settling import settle
from chalicelib.sandbox.weather.clock import to_epoch
from chalicelib.sandbox.weather.sky import Sky

PREFIX = "/lifeboat/"
Handler = Callable[["Control", Request], Any]


class Control:
    """Answers control requests. `fork` and `quit` belong to the server and are handed in."""

    def __init__(self, sky: Sky, fork: Callable[[], Any], leave: Callable[[], Any]) -> None:
        self.sky = sky
        self.fork = fork
        self.leave = leave

    def answer(self, request: Request) -> Response:
        """Answer one control request; what makes no sense is answered 400 with the reason."""
        handler = ROUTES.get((request.method, request.path.removeprefix(PREFIX)))
        if handler is None:
            return _json(404, {"error": f"no such control: {request.method} {request.path}"})
        try:
            if request.method == "POST":
                living.catch_up(self.sky)  # what groups did until now they did under the old weather
            return _json(200, handler(self, request))
        except (ValueError, KeyError, TypeError, ValidationError, LifeboatError) as wrong:
            return _json(400, {"error": f"{type(wrong).__name__}: {wrong}"})

    def tell_time(self, _request: Request) -> Any:
        """Tell the virtual time."""
        return {"now": self.sky.clock.iso(timespec="microseconds"), "pid": os.getpid()}

    def advance(self, request: Request) -> Any:
        """Move time forward by `seconds`, or `to` an instant."""
        given = request.json()
        if "to" in given:
            self.sky.clock.advance_to(to_epoch(given["to"]))
        else:
            self.sky.clock.advance(float(given["seconds"]))
        return self.tell_time(request)

    def weather(self, request: Request) -> Any:
        """Return all settings; a POST changes some first."""
        if request.method == "POST":
            self.sky.change(request.json())
        return self.sky.settings.model_dump(mode="json")

    def calls(self, _request: Request) -> Any:
        """Return the counts of calls."""
        return self.sky.books.summary()

    def calls_reset(self, _request: Request) -> Any:
        """Forget the calls counted so far."""
        self.sky.books.reset()
        return {}

    def calls_log(self, request: Request) -> Any:
        """Return the calls in order."""
        return self.sky.books.log(int(request.asked("after", "0")))

    def faults(self, _request: Request) -> Any:
        """Return the counts of injected faults by kind."""
        return dict(self.sky.books.faults)

    def estate(self, request: Request) -> Any:
        """Build an estate."""
        given = request.json()
        return estates.build(self.sky, given.pop("name"), given)

    def disaster(self, request: Request) -> Any:
        """Let a disaster strike, or heal one."""
        return disasters.strike(self.sky, request.json())

    def settle(self, _request: Request) -> Any:
        """Make everything pending done and visible at once."""
        settle(self.sky)
        return {}

    def schedules(self, request: Request) -> Any:
        """Add schedules; returns when each fires next."""
        return [timetable.add(self.sky, given) for given in request.json()]

    def events(self, request: Request) -> Any:
        """Return the deliveries due by now."""
        living.catch_up(self.sky)  # groups post events of what they did until now
        return self.sky.mail.delivered(int(request.asked("after", "0")))

    def published(self, request: Request) -> Any:
        """Return the SNS messages published so far."""
        return self.sky.published[int(request.asked("after", "0")) :]


ROUTES: dict[tuple[str, str], Handler] = {
    ("GET", "now"): Control.tell_time,
    ("POST", "advance"): Control.advance,
    ("GET", "weather"): Control.weather,
    ("POST", "weather"): Control.weather,
    ("GET", "calls"): Control.calls,
    ("POST", "calls/reset"): Control.calls_reset,
    ("GET", "calls/log"): Control.calls_log,
    ("GET", "faults"): Control.faults,
    ("POST", "estate"): Control.estate,
    ("POST", "disaster"): Control.disaster,
    ("GET", "reached"): lambda control, _request: control.sky.darkness.reached,
    ("POST", "settle"): Control.settle,
    ("POST", "schedules"): Control.schedules,
    ("GET", "events"): Control.events,
    ("GET", "published"): Control.published,
    ("POST", "fork"): lambda control, _request: control.fork(),
    ("POST", "quit"): lambda control, _request: control.leave(),
}


def _json(status: int, value: Any) -> Response:
    return Response(status, [("Content-Type", "application/json")], json.dumps(value).encode())
