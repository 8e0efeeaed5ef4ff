"""A run whose trigger says `for` does nothing until it has seen that the alarm lasts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from chalicelib.aws.alarms import AlarmNow, alarms_in, alarms_named
from chalicelib.domain.run import Run, RunState, Stop
from chalicelib.engine.telling import Teller
from tests.fakes import START
from tests.unit.engine.test_intake import Office, alarm

FOR = {"alarm": "shop-*", "for": "5m"}


@pytest.fixture(name="office")
def _office(tmp_path: Path) -> Iterator[Office]:
    with mock_aws():
        made = Office(tmp_path)
        made.keep("failover", when=[FOR], guard={"regions": ["us-east-1"], "cooldown": "30m"})
        yield made


def put(office: Office, name: str = "shop-down", state: str = "ALARM") -> None:
    client = office.lab.services.aws.client("cloudwatch", "us-east-1", "write")
    client.put_metric_alarm(
        AlarmName=name,
        Namespace="AWS/EC2",
        MetricName="StatusCheckFailed",
        Dimensions=[{"Name": "AvailabilityZone", "Value": "us-east-1a"}],
        Period=60,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
        Statistic="Maximum",
    )
    client.set_alarm_state(AlarmName=name, StateValue=state, StateReason="said so")


def taken_in(office: Office, raw: dict[str, Any]) -> Run:
    said = office.take_in(raw)["runs"][0]
    run = office.lab.services.ledger.load(said["run_id"])
    assert run
    return run


def at_end(office: Office, run: Run) -> Run:
    tick = office.lab.services.engine.advance(run.run_id, 1)
    while not tick.ended:
        office.lab.clock.sleep(tick.wait_s)
        tick = office.lab.fresh().engine.advance(run.run_id, 1)  # another process each time: nothing is remembered
    return office.lab.run_row(run)


def test_an_alarm_that_lasts_is_acted_upon_when_its_time_has_come(office: Office) -> None:
    put(office)
    run = taken_in(office, alarm())
    first = office.lab.services.engine.advance(run.run_id, 1)
    assert first.wait_s == 300
    assert (office.lab.world.names(), office.lab.run_row(run).lasting_at) == ([], None)
    ended = at_end(office, run)
    assert (ended.state, office.lab.world.names()) == (RunState.SUCCEEDED, ["a", "b", "c"])
    assert ended.lasting_at is not None
    assert ended.lasting_at >= START + timedelta(minutes=5)


def test_an_alarm_that_has_gone_back_is_refused_and_nothing_was_done(office: Office) -> None:
    put(office, state="OK")
    ended = at_end(office, taken_in(office, alarm()))
    assert (ended.state, ended.code, office.lab.world.names()) == (RunState.REFUSED, "cause.not_lasting", [])
    assert "shop-down" in ended.message


def test_an_alarm_that_comes_back_after_a_refusal_has_a_run_of_its_own_also_within_the_cooldown(
    office: Office,
) -> None:
    put(office, state="OK")
    first = at_end(office, taken_in(office, alarm()))
    put(office)
    second = taken_in(office, alarm(event_id="e-2", at=office.lab.clock.now()))
    assert second.run_id != first.run_id
    assert at_end(office, second).state is RunState.SUCCEEDED


def test_another_alarm_that_joined_and_lasts_is_enough(office: Office) -> None:
    put(office, state="OK")
    put(office, "shop-slow")
    run = taken_in(office, alarm())
    taken_in(office, alarm("shop-slow", event_id="e-2", at=START + timedelta(minutes=2)))
    office.lab.clock.sleep(300)
    assert office.lab.services.engine.advance(run.run_id, 1).wait_s == 120
    ended = at_end(office, run)
    assert (ended.state, len(ended.joined)) == (RunState.SUCCEEDED, 1)


def test_a_cause_that_joins_while_the_run_is_about_to_be_refused_is_not_lost(office: Office) -> None:
    put(office, state="OK")
    run = taken_in(office, alarm())
    office.lab.clock.sleep(300)
    services = office.lab.fresh()

    class Joined(Teller):
        """While it works, another alarm goes off."""

        def will_end(self, run: Run) -> None:
            super().will_end(run)
            put(office, "shop-slow")
            taken_in(office, alarm("shop-slow", event_id="e-2", at=office.lab.clock.now()))

    known = services.engine.teller
    services.engine.teller = Joined(known.ledger, known.notices, known.journal)
    tick = services.engine.advance(run.run_id, 1)
    assert not tick.ended
    assert at_end(office, run).state is RunState.SUCCEEDED


def test_a_stop_ends_the_waiting(office: Office) -> None:
    put(office)
    run = taken_in(office, alarm())
    office.lab.services.engine.advance(run.run_id, 1)
    office.lab.services.ledger.ask_stop(run.run_id, Stop(at=START, by="ana", reason="a drill"))
    ended = at_end(office, run)
    assert (ended.state, office.lab.world.names()) == (RunState.STOPPED, [])
    assert office.lab.clock.now() < START + timedelta(minutes=5)


@pytest.mark.parametrize(("code", "tries"), [("AccessDenied", 1), ("Throttling", 121)])
def test_an_alarm_that_cannot_be_read_is_tried_for_an_hour_or_refused_at_once(
    office: Office, code: str, tries: int
) -> None:
    run = taken_in(office, alarm())
    client = office.lab.services.aws.client("cloudwatch", "us-east-1")
    asked: list[str] = []

    def refuse(**_: Any) -> None:
        from botocore.exceptions import ClientError

        asked.append(code)
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, "DescribeAlarms")

    client.meta.events.register("before-call.cloudwatch.DescribeAlarms", refuse)
    tick = office.lab.services.engine.advance(run.run_id, 1)
    while not tick.ended:
        office.lab.clock.sleep(tick.wait_s)
        tick = office.lab.services.engine.advance(run.run_id, 1)
    ended = office.lab.run_row(run)
    assert (ended.state, ended.code, len(asked)) == (RunState.REFUSED, "cause.unconfirmed", tries)
    assert "by hand" in ended.message


def test_alarms_are_read_by_name_and_by_state(office: Office) -> None:
    put(office)
    put(office, "shop-slow", state="OK")
    aws = office.lab.services.aws.reading()
    down = AlarmNow("shop-down", "ALARM", {"AvailabilityZone": "us-east-1a"})
    assert alarms_named(aws, "us-east-1", ["shop-down", "shop-down", "unheard-of"]) == [down]
    assert alarms_in(aws, "us-east-1", "ALARM") == [down]
    assert alarms_named(aws, "us-east-1", []) == []


def test_the_trigger_says_since_when(office: Office) -> None:
    raw = alarm()
    raw["detail"]["state"]["reasonData"] = (
        '{"startDate": "2031-01-06T00:55:00.000+0000", "period": 60, "recentDatapoints": [0.0]}'
    )
    put(office)
    run = taken_in(office, raw)
    assert run.cause.since is not None
    assert run.cause.since.minute == 55
    assert run.cause.about["alarm"] == "shop-down"
