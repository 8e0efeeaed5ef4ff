"""The door of the sandbox: every AWS call passes here, meets the weather, and is carried out or not."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from http import HTTPStatus
from io import BytesIO
from typing import Any

from chalicelib.sandbox import recycle_bin, service_quotas
from chalicelib.sandbox.alarms import door as alarms
from chalicelib.sandbox.autoscaling import door as scaling
from chalicelib.sandbox.autoscaling import living
from chalicelib.sandbox.ec2 import wire
from chalicelib.sandbox.ec2.call import Ec2Call
from chalicelib.sandbox.ec2.operations import OPERATIONS, perform
from chalicelib.sandbox.elb import door as elb
from chalicelib.sandbox.rds import operations as rds
from chalicelib.sandbox.rds import replicas, windows
from chalicelib.sandbox.rds import wire as rds_wire
from chalicelib.sandbox.rds.call import RdsCall
from chalicelib.sandbox.rds.things import land as rds_land
from chalicelib.sandbox.refusals import FAULTY, code_in, refuse
from chalicelib.sandbox.request import Request, Response, Target, environ_of, target_of
from chalicelib.sandbox.shifts import door as shifts
from chalicelib.sandbox.weather import ground
from chalicelib.sandbox.weather.clock import to_epoch
from chalicelib.sandbox.weather.darkness import Hung
from chalicelib.sandbox.weather.sky import Sky


class Door:
    """Carries out AWS calls under a sky. Not thread-safe: the server lets one in at a time."""

    def __init__(self, sky: Sky) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        self.sky = sky
        self.address = ("127.0.0.1", 0)
        self._moto: Any = DomainDispatcherApplication(create_backend_app)
        self._apps = 0

    def enter(self, request: Request) -> Response | None:
        """Answer a call, or return None: the connection is to be dropped without an answer."""
        target = target_of(request)
        if request.header("X-Lifeboat-Witness"):
            return self._carry_out(request, target, 0)
        sky = self.sky
        told = request.header("X-Lifeboat-Now")
        if told:
            with contextlib.suppress(ValueError):
                sky.clock.advance_to(to_epoch(told))
        sky.clock.advance(sky.settings.latency_s)
        number = sky.books.number(target.service, target.operation, target.region)
        kill = self._kill_due(request)
        if kill == "before":
            self._kill(request, target, kill)
            return None
        refused = refuse(sky, request, target, number)
        try:
            answer = refused or self._carry_out(request, target, number)
        except Hung:
            sky.clock.advance(sky.settings.dark.hang_s)
            self._note(target, "hung")
            return None
        if kill == "after":
            self._kill(request, target, kill)
            return None
        if refused is None and self._answer_is_lost(target, number):
            self._note(target, "answer_lost")
            return None
        self._note(target, "ok" if answer.status < HTTPStatus.MULTIPLE_CHOICES else code_in(answer))
        return answer

    def _note(self, target: Target, outcome: str) -> None:
        self.sky.books.call(self.sky.clock.iso(), target.service, target.operation, target.region, outcome)

    def _kill_due(self, request: Request) -> str | None:
        kill = self.sky.settings.kill
        if kill is None or not request.header("X-Lifeboat-Pid"):
            return None
        self.sky.calls_towards_kill += 1
        return kill.when if self.sky.calls_towards_kill == kill.at else None

    def _kill(self, request: Request, target: Target, when: str) -> None:
        pid = int(request.header("X-Lifeboat-Pid") or 0)
        self.sky.change({"kill": None})
        if pid > 1 and pid != os.getpid():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.sky.books.fault(f"killed_{when}")
        self._note(target, f"killed_{when}")

    def _answer_is_lost(self, target: Target, number: int) -> bool:
        if not self.sky.weather or target.service not in FAULTY or target.reads:
            return False
        lost = self.sky.draw("lost", target.operation, target.region, number) < self.sky.settings.lost_answer_share
        if lost:
            self.sky.books.fault("answer_lost")
        return lost

    def _carry_out(self, request: Request, target: Target, number: int) -> Response:
        if target.service in living.NEARBY and self.sky.weather:
            living.catch_up(self.sky)
        if target.service == "monitoring":
            replicas.tell_lag(self.sky, target.region)
        ours = SERVICES.get(target.service) if self.sky.weather else None
        answer = ours(self, request, target, number) if ours else None
        return answer or recycle_bin.answer(self.sky, target, request) or self._by_moto(request)

    def _ec2(self, request: Request, target: Target, number: int) -> Response | None:
        sky = self.sky
        if target.operation not in OPERATIONS:
            return None
        request_id = f"{int(sky.draw('request', sky.next_serial()) * 2**48):012x}"
        try:
            form, land = wire.fields(request.body), sky.land(target.region)
            call = Ec2Call(sky, land, target.operation, form, number, witness=number == 0)
            status, body = 200, wire.answer(target.operation, perform(call), request_id)
        except wire.AwsError as refused:
            status, body = refused.status, wire.refusal(refused, request_id)
        return Response(status, [("Content-Type", "text/xml;charset=UTF-8"), ("x-amzn-RequestId", request_id)], body)

    def _rds(self, request: Request, target: Target, number: int) -> Response:
        sky = self.sky
        request_id = f"{int(sky.draw('request', sky.next_serial()) * 2**48):012x}"
        call = RdsCall(sky, rds_land(target.region), target.operation, wire.fields(request.body), witness=number == 0)
        try:
            windows.catch_up(sky, call.land)
            status, body = 200, rds_wire.answer(target.operation, rds.perform(call), request_id)
        except wire.AwsError as refused:
            status, body = refused.status, rds_wire.refusal(refused, request_id)
        return Response(status, [("Content-Type", "text/xml"), ("x-amzn-RequestId", request_id)], body)

    def _by_moto(self, request: Request) -> Response:
        environ = environ_of(request, *self.address)
        environ["wsgi.input"] = BytesIO(request.body)
        app = self._moto.get_application(environ)
        if len(self._moto.app_instances) != self._apps:
            self._apps = len(self._moto.app_instances)
            ground.give_virtual_time()  # the service's modules have just been imported
        status, headers = "", list[tuple[str, str]]()

        def start_response(line: str, given: list[tuple[str, str]], _error: object = None) -> None:
            nonlocal status
            status, headers[:] = line, given

        body = b"".join(app(environ, start_response))
        dropped = {"content-length", "connection", "date", "server"}
        return Response(int(status[:3]), [(k, v) for k, v in headers if k.lower() not in dropped], body)


# What the sandbox answers itself, by service; None as an answer leaves the call to moto. A service's handler must let
# `Hung` through, and answers to a witness (number 0) as if no zone were dark.
Service = Callable[[Door, Request, Target, int], Response | None]
SERVICES: dict[str, Service] = {
    "autoscaling": scaling.answer,
    "arc-zonal-shift": shifts.answer,
    "ec2": Door._ec2,
    "elasticloadbalancing": elb.answer,
    "monitoring": alarms.answer,
    "rds": Door._rds,
    "servicequotas": service_quotas.answer,
}
