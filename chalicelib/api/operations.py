"""Every operation of the API: what carries it out, what it takes, what it answers. OpenAPI comes from here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from pydantic import BaseModel

from chalicelib.api import answers, approvals, health, points, requests, runbooks, runs, undoing
from chalicelib.api.routes import ROUTES
from chalicelib.api.service import Request, Serves
from chalicelib.domain.report import RunRecord
from chalicelib.engine.preview import Preview
from chalicelib.engine.undo_plan import UndoPlan

Verb = Callable[[Serves, Request], BaseModel]
READ = (400, 403, 405, 429, 500, 503, 504)  # what can go wrong with every one; see openapi.GATEWAYS
WRITE = (*READ, 413, 415)


@dataclass(frozen=True)
class Operation:
    """One operation.

    Attributes:
        asked: The model of the body of a POST, or of the query of a GET.
        errors: The statuses of problems beside those that every operation may answer.
        keyed: Whether it takes an `Idempotency-Key`.
    """

    name: str
    verb: Verb
    asked: type[BaseModel]
    answer: type[BaseModel]
    status: int = int(HTTPStatus.OK)
    errors: tuple[int, ...] = ()
    keyed: bool = False

    @property
    def method(self) -> str:
        """GET or POST."""
        return ROUTES[self.name][0]

    @property
    def path(self) -> str:
        """Its path, with parameters in braces."""
        return ROUTES[self.name][1]

    @property
    def problems(self) -> tuple[int, ...]:
        """All statuses of problems that it may answer."""
        return tuple(sorted({*(WRITE if self.method == "POST" else READ), *self.errors}))

    @property
    def summary(self) -> str:
        """What it does, in a line."""
        return (self.verb.__doc__ or "").split("\n")[0].rstrip(".")

    @property
    def description(self) -> str:
        """What it does, without what Python raises."""
        text = (self.verb.__doc__ or "").split("Raises:")[0]
        return " ".join(text.split())


GONE, CONFLICT, AWS = 404, 409, 502

OPERATIONS: tuple[Operation, ...] = (
    Operation("listRunbooks", runbooks.list_runbooks, requests.Nothing, answers.Runbooks),
    Operation(
        "showRunbook",
        runbooks.show_runbook,
        requests.Nothing,
        answers.RunbookShown,
        errors=(GONE,),
    ),
    Operation(
        "planRunbook",
        runbooks.plan,
        requests.PlanAsked,
        Preview,
        errors=(GONE, CONFLICT, AWS),
    ),
    Operation(
        "startRun",
        runbooks.start,
        requests.Inputs,
        answers.Started,
        status=int(HTTPStatus.ACCEPTED),
        errors=(GONE, CONFLICT, AWS),
        keyed=True,
    ),
    Operation(
        "startDrill",
        undoing.drill,
        requests.Inputs,
        answers.Started,
        status=int(HTTPStatus.ACCEPTED),
        errors=(GONE, CONFLICT, AWS),
        keyed=True,
    ),
    Operation("listRuns", runs.list_runs, requests.RunsQuery, answers.Runs),
    Operation("showRun", runs.show_run, requests.Nothing, RunRecord, errors=(GONE,)),
    Operation(
        "listChanges",
        runs.list_changes,
        requests.ChangesQuery,
        answers.Changes,
        errors=(GONE,),
    ),
    Operation(
        "stopRun",
        runs.stop,
        requests.Why,
        answers.Asked,
        status=int(HTTPStatus.ACCEPTED),
        errors=(GONE,),
    ),
    Operation(
        "continueRun",
        runs.continue_,
        requests.Nothing,
        answers.Asked,
        status=int(HTTPStatus.ACCEPTED),
        errors=(GONE, CONFLICT, AWS),
    ),
    Operation("listApprovals", approvals.list_approvals, requests.ApprovalsQuery, answers.Approvals),
    Operation("approve", approvals.approve, requests.Approve, answers.Answered, errors=(GONE, CONFLICT)),
    Operation("decline", approvals.decline, requests.Decline, answers.Answered, errors=(GONE, CONFLICT)),
    Operation("planUndo", undoing.plan_undo, requests.Nothing, UndoPlan, errors=(GONE,)),
    Operation(
        "undoRun",
        undoing.undo,
        requests.Why,
        answers.Asked,
        status=int(HTTPStatus.ACCEPTED),
        errors=(GONE, CONFLICT, AWS),
    ),
    Operation("settleObligation", undoing.settle, requests.SettleAsked, answers.Asked, errors=(GONE,)),
    Operation("pause", runs.pause, requests.PauseAsked, answers.Pauses, errors=(GONE,)),
    Operation("resume", runs.resume, requests.ResumeAsked, answers.Pauses),
    Operation(
        "listRecoveryPoints",
        points.list_points,
        requests.PointsQuery,
        answers.Points,
        errors=(AWS,),
    ),
    Operation("health", health.health, requests.Nothing, answers.Health),
)

BY_NAME = {operation.name: operation for operation in OPERATIONS}
