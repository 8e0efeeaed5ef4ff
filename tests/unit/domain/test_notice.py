"""What people read at 3 a.m.: what, where, how far from the objective, what failed, and what is left behind."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.domain.notice import NoticeKind, end_kind, headline, of_run
from chalicelib.domain.owing import Owed
from chalicelib.domain.report import RunRecord

AT = datetime(2031, 1, 6, 3, 0, tzinfo=UTC)


def record(**more: Any) -> RunRecord:
    cause = {"kind": "schedule", "key": "k", "occurred_at": AT, "summary": "schedule of 03:00"}
    times = {"caused_at": AT, "troubled_since": AT, "started_at": AT, "ended_at": AT, "duration_s": 90}
    failures = [{"resource": f"vol-{n}", "code": "x.y", "message": f"vol-{n} broke"} for n in range(20)]
    step: dict[str, Any] = {
        "id": "copies",
        "phase": "steps",
        "uses": "ebs.copy_snapshots",
        "state": "partial",
        "started_at": AT,
    }
    step |= {"code": "step.failures", "message": "not all", "failures": failures}
    objectives = {"rpo": {"objective_s": 3600, "measured_s": 7200, "met": False}, "rto": {}}
    whole: dict[str, Any] = {
        "run_id": "r1",
        "key": "k",
        "runbook": "nightly",
        "region": "us-east-1",
        "mode": "run",
        "state": "failed",
    }
    whole |= {"cause": cause, "times": times, "inputs": {}, "objectives": objectives, "steps": [step], "calls": []}
    return RunRecord.model_validate({**whole, "generation": 1, **more})


def test_a_failure_names_what_failed_counts_the_rest_and_says_what_is_left_behind() -> None:
    owes = {f"copies.vol-{n}": Owed(name=f"copies.vol-{n}", why="snap-1 was left.", since=AT) for n in range(7)}
    told = of_run(record(message="copies partial", owes=owes), NoticeKind.FAILED, "1", AT)
    text = "\n".join(told.lines)
    assert "Why: copies partial" in text
    assert told.id == "r1.failed.1"
    assert told.subject == "Lifeboat: nightly failed in us-east-1"
    assert "RPO: 2h, wanted 1h, NOT met." in text
    assert "! copies: not all" in text
    assert "! vol-10 broke" in text
    assert "vol-11 broke" not in text
    assert "... and 9 more." in text
    assert "Still owed, copies.vol-1: snap-1 was left." in text
    assert "... and 2 more that is owed." in text
    assert told.lines[-1] == "More: lifeboat runs show r1"


def test_a_start_is_short_and_a_headline_fits_sns() -> None:
    told = of_run(record(), NoticeKind.STARTED, "1", AT)
    assert len(told.lines) == 2
    assert headline("ü\n" * 200) == "? " * 50


def step(state: str, code: str, phase: str = "steps", **more: Any) -> dict[str, Any]:
    return {"id": f"{phase}-{code}", "phase": phase, "uses": "x.y", "state": state, "code": code, **more}


def failure(code: str) -> dict[str, str]:
    return {"resource": "vol-1", "code": code, "message": "no"}


LEASED = step("failed", "step.failures", failures=[failure("run.leased")])
MIXED = step("failed", "step.failures", failures=[failure("run.leased"), failure("action.denied")])


@pytest.mark.parametrize(
    ("steps", "kind"),
    [
        ([step("failed", "guard.max_targets")], "refused"),
        ([step("succeeded", ""), step("failed", "guard.region"), step("failed", "check.failed", "verify")], "refused"),
        ([LEASED], "refused"),
        ([step("failed", "ask.declined")], "refused"),
        ([step("failed", "ask.expired")], "failed"),
        ([MIXED], "failed"),
        ([{**LEASED, "state": "partial"}], "failed"),
        ([step("failed", "guard.region"), step("failed", "action.denied")], "failed"),
        ([step("failed", "check.failed", "verify")], "failed"),
    ],
)
def test_refused_is_what_was_not_allowed_and_failed_what_was_tried(steps: list[Any], kind: str) -> None:
    assert end_kind(record(steps=steps)) == kind
    assert end_kind(record(steps=steps, state="stopped")) == "stopped"
