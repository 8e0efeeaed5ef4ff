"""The API's verbs about questions: list what waits for a person, approve, decline.

Who may answer is decided by IAM before anything here runs: each route is a permission of its own.
"""

from __future__ import annotations

from chalicelib.api.answers import Answered, Approvals
from chalicelib.api.paging import place, token
from chalicelib.api.service import Request, Serves
from chalicelib.domain.question import OpenQuestion, shown
from chalicelib.engine.answering import take
from chalicelib.errors import InputError

SCANNED = 500  # most questions looked at for one page; those that were answered meanwhile are left out


def list_approvals(service: Serves, request: Request) -> Approvals:
    """List what waits for a person now, newest first, in pages."""
    asked, now = request.asked, service.clock.now()
    before = place(asked.next, (str,))
    found: list[OpenQuestion] = []
    for looked, (mark, question) in enumerate(service.ledger.asked_before(before[0] if before else None), start=1):
        run = service.ledger.load(question.run_id)
        one = shown(question, run, now) if run else None
        if one and asked.runbook in {None, one.runbook}:
            found.append(one)
        if len(found) == asked.limit or looked == SCANNED:
            return Approvals(approvals=found, next=token([mark]))
    return Approvals(approvals=found)


def approve(service: Serves, request: Request) -> Answered:
    """Say yes to what a step asks, or choose. It covers the plan of the digest that it names; the first answer wins.

    Raises:
        RefusedError: somebody answered before, the step waits for nobody, or it asks something else by now.
        InputError: there is no such run or step, or what was chosen cannot be chosen.
    """
    return _answer(service, request, yes=True)


def decline(service: Serves, request: Request) -> Answered:
    """Say no to what a step asks: it fails, and nothing of it is done. The first answer wins.

    Raises:
        RefusedError: somebody answered before, the step waits for nobody, or it asks something else by now.
        InputError: there is no such run or step.
    """
    return _answer(service, request, yes=False)


def _answer(service: Serves, request: Request, *, yes: bool) -> Answered:
    run_id, step, now = request.path["run_id"], request.path["step"], service.clock.now()
    run = service.ledger.load(run_id)
    if run is None:
        raise InputError("run.unknown", f"There is no run '{run_id}' in {service.settings.region}.")
    asked = take(service.ledger, run, step, request.asked, yes=yes, by=request.caller, now=now)
    return Answered(run_id=run_id, step=step, question=asked.number, answer=asked.answer)
