"""Names of runs, digests of plans, counts of effects."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.change import Change, ChangeKind, Effect, EffectState, Failure
from chalicelib.domain.run import CallCount, Run, RunCause, RunState, counted, plan_digest, run_fields, run_id_for
from tests.fakes import START


def change(key: str) -> Change:
    return Change(key=key, kind=ChangeKind.CREATE, resource=key, region="us-east-1", reason="test")


def a_run(**values: object) -> Run:
    cause = RunCause(kind="manual", key="k", occurred_at=START, summary="by hand")
    base = {"run_id": "r", "key": "k", "runbook": "b", "region": "us-east-1", "state": RunState.RUNNING}
    return Run.model_validate({**base, "cause": cause, "started_at": START, **values})


@given(key=st.text(max_size=300))
def test_a_run_id_fits_an_execution_name_with_its_generation(key: str) -> None:
    longest = run_id_for("ap-southeast-99", "n" * 30, "run", key)
    assert re.fullmatch(r"[a-z0-9_-]{1,60}", longest)


def test_the_same_cause_is_the_same_run_and_any_difference_is_another() -> None:
    base = run_id_for("us-east-1", "nightly", "run", "e1")
    assert run_id_for("us-east-1", "nightly", "run", "e1") == base
    others = {
        run_id_for("us-west-2", "nightly", "run", "e1"),
        run_id_for("us-east-1", "weekly", "run", "e1"),
        run_id_for("us-east-1", "nightly", "drill", "e1"),
        run_id_for("us-east-1", "nightly", "run", "e2"),
    }
    assert len(others | {base}) == 5


def test_a_digest_tells_plans_apart() -> None:
    assert plan_digest([change("a"), change("b")]) == plan_digest([change("a"), change("b")])
    assert plan_digest([change("a"), change("b")]) != plan_digest([change("b"), change("a")])


def test_counts_add_up() -> None:
    made = [
        (change("a"), Effect(state=EffectState.DONE, id="1")),
        (change("b"), Effect(state=EffectState.PENDING, id="2", adopted=True)),
        (change("c"), Effect(state=EffectState.CONFLICT)),
        (change("d"), Effect(state=EffectState.MOOT)),
        (change("e"), Effect()),
        (
            change("f"),
            Effect(state=EffectState.DONE, id="3", failures=(Failure(resource="v", code="c.d", message="m"),)),
        ),
    ]
    counts = counted(made, failures=2)
    assert counts.model_dump() == {
        "planned": 8,
        "adopted": 1,
        "applied": 2,
        "pending": 1,
        "done": 2,
        "moot": 1,
        "failed": 4,
    }


def test_calls_are_added_up_across_slices() -> None:
    run = a_run(calls=(CallCount(service="ec2", operation="X", region="r", count=2),))
    more = run.with_calls({("ec2", "X", "r"): 3, ("kms", "Y", "r"): 1})
    assert {(c.service, c.count) for c in more.calls} == {("ec2", 5), ("kms", 1)}


def test_only_a_running_run_has_not_ended() -> None:
    assert [state for state in RunState if not a_run(state=state).ended] == [RunState.RUNNING]


def test_a_runbook_may_refer_to_these_fields_of_a_run() -> None:
    assert run_fields(a_run()) == {
        "id": "r",
        "start": datetime(2031, 1, 6, 3, 0, tzinfo=UTC),
        "runbook": "b",
        "region": "us-east-1",
        "cause": "by hand",
    }
