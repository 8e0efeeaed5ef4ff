"""From an event to runs that surely execute."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from chalicelib.domain.run import RunState
from chalicelib.domain.runbook import Runbook
from chalicelib.engine.intake import on_event, on_schedule
from chalicelib.errors import ActionError
from tests.fakes import START, toy_runbook
from tests.unit.engine.durable_lab import Lab, refused

NIGHTLY = {"schedule": "cron(0 3 * * ? *)"}
ALARM = {"alarm": "shop-*"}


class Office:
    """A lab with a directory of runbooks."""

    def __init__(self, directory: Path) -> None:
        self.lab, self.directory = Lab({"runbooks": directory}), directory
        self.lab.open()

    def keep(self, name: str, **changes: Any) -> None:
        """Put a runbook on the shelf; JSON is YAML."""
        (self.directory / f"{name}.yaml").write_text(json.dumps(toy_runbook(**{"name": name, **changes})))

    def take_in(self, raw: Any) -> dict[str, Any]:
        said = on_event(raw, self.lab.services)
        json.dumps(said)  # what a handler returns is JSON
        return said

    def executions(self) -> list[str]:
        return list(self.lab.functions.executions)


@pytest.fixture(name="office")
def _office(tmp_path: Path) -> Iterator[Office]:
    with mock_aws():
        yield Office(tmp_path)


def firing(runbook: str = "nightly", at: datetime = START, trigger: int = 0) -> dict[str, Any]:
    return {"lifeboat": "schedule", "runbook": runbook, "trigger": trigger, "scheduled_at": at.isoformat()}


def alarm(name: str = "shop-down", at: datetime = START, event_id: str = "e-1", state: str = "ALARM") -> dict[str, Any]:
    return {
        "id": event_id,
        "source": "aws.cloudwatch",
        "detail-type": "CloudWatch Alarm State Change",
        "region": "us-east-1",
        "account": "123456789012",
        "time": at.isoformat(),
        "detail": {"alarmName": name, "state": {"value": state, "reason": "3 of 3 datapoints"}},
    }


def test_a_firing_starts_one_run_whose_execution_exists(office: Office) -> None:
    office.keep("nightly", when=[NIGHTLY])
    said = office.take_in(firing())
    assert said["outcome"] == "handled"
    assert [run["outcome"] for run in said["runs"]] == ["new"]
    assert office.executions() == [f"{said['runs'][0]['run_id']}_1"]


def health(region: str, page: int) -> dict[str, Any]:
    detail = {"eventRegion": region, "communicationId": f"c0ffee-{page}", "service": "EC2"}
    envelope = {"account": "123456789012", "time": START.isoformat(), "region": "us-east-1", "id": f"h-{region}{page}"}
    return {"source": "aws.health", "detail-type": "AWS Health Event", **envelope, "detail": detail}


def test_pages_of_health_are_one_run_and_what_it_says_of_another_region_is_for_nobody(office: Office) -> None:
    office.keep("failover", when=[{"event": {"source": ["aws.health"]}}])
    first, second = office.take_in(health("us-east-1", 1)), office.take_in(health("us-east-1", 2))
    assert second["runs"][0] == {**first["runs"][0], "outcome": "existing"}
    elsewhere = office.take_in(health("eu-west-1", 1))
    assert (elsewhere["outcome"], elsewhere["runs"]) == ("unmatched", [])
    assert office.take_in(health("global", 7))["runs"][0]["outcome"] == "existing"


def test_the_same_event_twice_is_one_run_and_one_execution(office: Office) -> None:
    office.keep("failover", when=[ALARM])
    first, second = office.take_in(alarm()), office.take_in(alarm())
    assert second["runs"][0]["outcome"] == "existing"
    assert second["runs"][0]["run_id"] == first["runs"][0]["run_id"]
    assert len(office.executions()) == 1


def test_a_second_cause_joins_the_run_that_is_active(office: Office) -> None:
    office.keep("failover", when=[ALARM])
    first, second = office.take_in(alarm()), office.take_in(alarm(event_id="e-2"))
    assert (second["runs"][0]["outcome"], second["runs"][0]["run_id"]) == ("joined", first["runs"][0]["run_id"])
    assert len(office.executions()) == 1


def test_an_execution_that_lambda_refuses_is_raised_and_the_redelivery_starts_it(office: Office) -> None:
    office.keep("failover", when=[ALARM])
    office.lab.functions.refusals = [refused()]
    with pytest.raises(ActionError):
        office.take_in(alarm())
    assert office.executions() == []
    said = office.take_in(alarm())
    assert said["runs"][0]["outcome"] == "existing"
    assert office.executions() == [f"{said['runs'][0]['run_id']}_1"]


def test_one_run_that_cannot_be_started_does_not_keep_the_others_from_starting(office: Office) -> None:
    office.keep("failover", when=[ALARM])
    office.keep("notify", when=[ALARM])
    office.lab.functions.refusals = [refused()]
    with pytest.raises(ActionError):
        office.take_in(alarm())
    assert len(office.executions()) == 1
    assert "notify" in office.executions()[0]


def test_a_cause_that_is_too_old_is_recorded_as_refused_and_executes_nothing(office: Office) -> None:
    office.keep("failover", when=[ALARM])
    said = office.take_in(alarm(at=START - timedelta(minutes=16)))
    assert (said["runs"][0]["outcome"], said["runs"][0]["code"]) == ("refused", "cause.too_old")
    assert office.executions() == []
    assert office.lab.services.ledger.load(said["runs"][0]["run_id"]) is not None


def test_a_run_that_a_person_drives_is_not_driven_by_lambda_as_well(office: Office) -> None:
    office.keep("failover", when=[ALARM])
    run_id = office.take_in(alarm())["runs"][0]["run_id"]
    run = office.lab.services.ledger.load(run_id)
    assert run
    office.lab.services.starter.take_over(run, holder="local:laptop:boot:1")
    office.take_in(alarm())
    assert office.executions() == [f"{run_id}_1"]


def test_a_run_that_has_ended_is_not_executed_again(office: Office) -> None:
    office.keep("failover", when=[ALARM])
    run_id = office.take_in(alarm())["runs"][0]["run_id"]
    tick = office.lab.services.engine.advance(run_id, 1)
    while not tick.ended:
        office.lab.clock.sleep(tick.wait_s)
        tick = office.lab.services.engine.advance(run_id, 1)
    office.lab.functions.executions.clear()
    assert office.take_in(alarm())["runs"][0]["outcome"] == "existing"
    assert office.executions() == []


def test_a_runbook_that_is_not_valid_is_told_about_and_does_not_stop_the_others(office: Office) -> None:
    office.keep("nightly", when=[NIGHTLY])
    (office.directory / "broken.yaml").write_text("version: 1\nsteps: [\n")
    assert [run["runbook"] for run in office.take_in(firing())["runs"]] == ["nightly"]
    told = office.lab.heard.said("runbook ignored")
    assert [note["runbook"] for note in told] == ["broken"]
    assert "broken.yaml" in told[0]["why"]


def test_a_runbook_with_required_inputs_cannot_be_triggered_and_it_says_which(office: Office) -> None:
    office.keep("restore", when=[ALARM], inputs={"zone": {"type": "string"}})
    assert office.take_in(alarm())["outcome"] == "unmatched"
    assert "zone" in office.lab.heard.said("runbook ignored")[0]["why"]
    assert office.executions() == []


def test_the_same_cause_after_a_deployment_that_changed_a_default_is_the_first_run(office: Office) -> None:
    office.keep("restore", when=[ALARM], inputs={"zone": {"type": "string", "default": "a"}})
    office.take_in(alarm())
    office.keep("restore", when=[ALARM], inputs={"zone": {"type": "string", "default": "b"}})
    said = office.take_in(alarm())["runs"][0]
    assert said["outcome"] == "existing"
    run = office.lab.services.ledger.load(said["run_id"])
    assert run is not None
    assert run.inputs == {"zone": "a"}


class Loose:
    """A catalog that lets a runbook pass which needs an input that no trigger gives."""

    @staticmethod
    def names() -> list[str]:
        return ["restore"]

    @staticmethod
    def load(name: str) -> Runbook:
        return Runbook.model_validate(toy_runbook(name=name, when=[ALARM], inputs={"zone": {"type": "string"}}))


def test_inputs_that_do_not_fit_are_a_refused_run_that_says_which(office: Office) -> None:
    services = replace(office.lab.services, catalog=Loose())  # type: ignore[arg-type]
    said = [on_event(alarm(), services)["runs"][0] for _ in range(2)]
    assert [one["outcome"] for one in said] == ["refused", "existing"]
    run = services.ledger.load(said[0]["run_id"])
    assert run is not None
    assert (run.state, run.code) == (RunState.REFUSED, "input.invalid")
    assert "zone" in run.message
    assert office.executions() == []


def test_an_event_that_no_runbook_is_for_starts_nothing(office: Office) -> None:
    office.keep("failover", when=[ALARM])
    assert office.take_in(alarm("billing"))["outcome"] == "unmatched"
    assert office.take_in(alarm(state="OK"))["outcome"] == "unmatched"
    assert office.executions() == []


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (None, ""),
        ({"source": "aws.ec2"}, "detail-type"),
        ({**firing(), "scheduled_at": "yesterday"}, "scheduled_at"),
        ({"lifeboat": "dance"}, "lifeboat"),
    ],
)
def test_an_event_of_the_wrong_shape_is_recorded_and_not_delivered_again(office: Office, raw: Any, field: str) -> None:
    said = office.take_in(raw)
    assert (said["outcome"], said["code"]) == ("ignored", "event.invalid")
    assert office.lab.heard.said("event ignored")[0].get("field", "") == field


def test_a_schedule_that_says_sweep_sweeps_and_any_other_is_an_event(office: Office) -> None:
    office.keep("nightly", when=[NIGHTLY])
    assert on_schedule({"lifeboat": "sweep"}, office.lab.services)["outcome"] == "swept"
    assert on_schedule(firing(), office.lab.services)["outcome"] == "handled"
