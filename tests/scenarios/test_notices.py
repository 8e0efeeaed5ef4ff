"""People and machines are told: once each, by SNS and by EventBridge, and also what could not be told at first."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from chalicelib.domain.run import Pause, RunState
from chalicelib.engine.intake import on_schedule
from chalicelib.engine.telling import Teller
from chalicelib.errors import ActionError, ErrorKind
from chalicelib.stores.notices import Notices
from tests.scenarios.conftest import HOME, Stage

SWEEP = {"lifeboat": "sweep"}


class Told:
    """What arrived: from the topic, and from the bus through a queue."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        sqs, events = stage.control.witness("sqs", HOME), stage.control.witness("events", HOME)
        self.queue = sqs.create_queue(QueueName="heard")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        events.put_rule(Name="lifeboat", EventPattern=json.dumps({"source": ["lifeboat"]}))
        events.put_targets(Rule="lifeboat", Targets=[{"Id": "1", "Arn": arn}])
        self.sqs = sqs

    def by_topic(self) -> list[dict[str, Any]]:
        return [one for one in self.stage.control.published() if "lifeboat_kind" in one["attributes"]]

    def by_bus(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            some = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", [])
            if not some:
                return found
            for one in some:
                found.append(json.loads(one["Body"]))
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=one["ReceiptHandle"])

    def kinds(self) -> Counter[str]:
        return Counter(one["attributes"]["lifeboat_kind"] for one in self.by_topic())


@pytest.fixture(name="told")
def _told(stage: Stage) -> Told:
    told = Told(stage)
    services = stage.services
    notices = Notices(services.aws, HOME, stage.estate["topic"], "default")
    services.engine.teller = Teller(services.ledger, notices, services.engine.journal)
    return told


def test_a_night_is_told_when_it_starts_and_when_it_has_succeeded_once_each(stage: Stage, told: Told) -> None:
    found = stage.run(stage.book())
    assert told.kinds() == {"started": 1, "succeeded": 1}
    heard = told.by_bus()
    assert [one["detail-type"] for one in heard] == ["Lifeboat started", "Lifeboat succeeded"]
    detail = heard[1]["detail"]
    assert (detail["run_id"], detail["facts"]["objectives"]["rpo"]["met"]) == (found.run_id, True)
    end = told.by_topic()[1]
    assert end["subject"] == f"Lifeboat: nightly-backup succeeded in {HOME}"
    assert "RPO: " in end["message"]
    assert f"lifeboat runs show {found.run_id}" in end["message"]
    assert stage.services.ledger.untold(10) == []
    on_schedule(SWEEP, stage.services)
    assert told.kinds().total() == 2


def test_a_failure_says_what_failed_and_a_refusal_why(stage: Stage, told: Told) -> None:
    stage.control.weather(fail_copies=stage.estate["protected"][:1])
    stage.run(stage.book())
    [failure] = [one for one in told.by_topic() if one["attributes"]["lifeboat_kind"] == "failed"]
    assert stage.estate["protected"][0] in failure["message"]
    late = {
        "lifeboat": "schedule",
        "runbook": "nightly-retention",
        "trigger": 0,
        "scheduled_at": "2030-01-01T00:00:00Z",
    }
    for _ in range(2):  # delivered twice
        on_schedule(late, stage.services)
    [refusal] = [one for one in told.by_topic() if one["attributes"]["lifeboat_kind"] == "refused"]
    assert "nightly-retention" in refusal["subject"]
    assert "Why: " in refusal["message"]


def test_a_run_that_waits_for_a_person_says_so_once_and_whom_it_waits_for(stage: Stage, told: Told) -> None:
    run = stage.start(stage.book())
    ledger, clock = stage.services.ledger, stage.services.clock
    ledger.pause(Pause(runbook=run.runbook, at=clock.now(), by="ana", reason="an audit"))
    looks = iter(range(1, 100))

    def resumed_later() -> None:
        if next(looks) == 5:
            ledger.resume(run.runbook)

    from chalicelib.engine.local import drive, hold

    ended = drive(stage.services.engine, hold(run, stage.services.starter, new=True), resumed_later)
    assert ended.state is RunState.SUCCEEDED
    assert told.kinds() == {"started": 1, "waiting": 1, "succeeded": 1}
    [waiting] = [one for one in told.by_topic() if one["attributes"]["lifeboat_kind"] == "waiting"]
    assert "Paused by ana: an audit" in waiting["message"]


class Deaf(Notices):
    """Hears nothing for some time."""

    deaf = True

    def tell(self, notice: Any) -> None:
        if self.deaf:
            raise ActionError("action.throttled", "nobody listens", ErrorKind.THROTTLED)
        super().tell(notice)


def test_what_cannot_be_told_holds_no_run_up_and_is_told_by_the_sweeper_later(stage: Stage, told: Told) -> None:
    services = stage.services
    deaf = Deaf(services.aws, HOME, stage.estate["topic"], "")
    services.engine.teller = Teller(services.ledger, deaf, services.engine.journal)
    found = stage.run(stage.book())
    assert (found.state, told.kinds().total()) == (RunState.SUCCEEDED, 0)
    assert services.ledger.untold(10) == [found.run_id]
    on_schedule(SWEEP, services)
    assert told.kinds().total() == 0
    deaf.deaf = False
    services.clock.sleep(300)  # until the next sweep
    on_schedule(SWEEP, services)
    on_schedule(SWEEP, services)
    assert told.kinds() == {"succeeded": 1}


def test_killed_between_telling_and_writing_it_down_tells_again_under_the_same_id(stage: Stage, told: Told) -> None:
    services = stage.services
    ledger: Any = services.engine.teller.ledger
    really, ledger.unmark_untold = ledger.unmark_untold, _dies
    run = stage.start(stage.book())
    with pytest.raises(KeyboardInterrupt):
        stage.drive(run)
    ledger.unmark_untold = really
    on_schedule(SWEEP, services)
    ends = [one for one in told.by_topic() if one["attributes"]["lifeboat_kind"] == "succeeded"]
    assert len(ends) == 2
    assert len({one["attributes"]["lifeboat_notice"] for one in ends}) == 1


def _dies(*_: Any) -> Any:
    raise KeyboardInterrupt
