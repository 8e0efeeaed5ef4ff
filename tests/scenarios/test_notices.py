"""People and machines are told: once each, by SNS and by EventBridge, and also what could not be told at first."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from chalicelib.domain.notice import Notice, NoticeKind
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


def test_a_question_is_told_once_with_all_that_it_takes_to_answer_it(stage: Stage, told: Told) -> None:
    agreed = {
        "id": "agreed",
        "uses": "ask.approval",
        "within": "1h",
        "with": {"question": "Now?", "choices": ["a", "b"]},
    }
    found = stage.run(stage.book(steps=[agreed], verify=[], on_failure=[], always=[]))
    assert told.kinds() == {"started": 1, "waiting": 1, "failed": 1}
    [waiting] = [one for one in told.by_topic() if one["attributes"]["lifeboat_kind"] == "waiting"]
    [asked] = stage.services.ledger.questions(found.run_id)
    assert "Step 'agreed' waits for a person: Now?" in waiting["message"]
    assert f"lifeboat approve {found.run_id} agreed --digest {asked.digest} --choice a|b" in waiting["message"]
    assert f"lifeboat decline {found.run_id} agreed" in waiting["message"]
    assert "POST " not in waiting["message"]  # no deployment has said where its API is
    [heard] = [one for one in told.by_bus() if one["detail-type"] == "Lifeboat waiting"]
    assert asked.digest in heard["detail"]["facts"]["why"]


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
    for _ in range(2):  # delivered twice
        on_schedule(LATE, stage.services)
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


class Faulty(Notices):
    """Has channels that fail in their own ways, for as long as they are named."""

    def __init__(self, *given: Any, **failing: ActionError) -> None:
        super().__init__(*given)
        self.failing = failing

    def tell(self, notice: Notice, channel: str) -> None:
        if channel in self.failing:
            raise self.failing[channel]
        super().tell(notice, channel)


BUSY = ActionError("action.throttled", "nobody listens", ErrorKind.THROTTLED)
GONE = ActionError("action.resource_gone", "no such bus", ErrorKind.TERMINAL)
SILENT = ActionError("action.no_answer", "no answer", ErrorKind.IN_DOUBT)


def faulty(stage: Stage, **failing: ActionError) -> Faulty:
    services = stage.services
    notices = Faulty(services.aws, HOME, stage.estate["topic"], "default", **failing)
    services.engine.teller = Teller(services.ledger, notices, services.engine.journal)
    return notices


def sweep_for(stage: Stage, minutes: int) -> None:
    for _ in range(minutes // 5):
        stage.services.clock.sleep(300)
        on_schedule(SWEEP, stage.services)


def test_what_cannot_be_told_holds_no_run_up_and_is_told_by_the_sweeper_later(stage: Stage, told: Told) -> None:
    services = stage.services
    notices = faulty(stage, sns=BUSY, bus=BUSY)
    found = stage.run(stage.book())
    assert (found.state, told.kinds().total()) == (RunState.SUCCEEDED, 0)
    assert services.ledger.untold(10) == [found.run_id]
    on_schedule(SWEEP, services)
    assert told.kinds().total() == 0
    notices.failing = {}
    sweep_for(stage, 10)
    assert told.kinds() == {"succeeded": 1}
    assert services.ledger.untold(10) == []


def test_a_channel_that_fails_has_the_other_told_once_and_is_given_up_in_time(stage: Stage, told: Told) -> None:
    faulty(stage, bus=GONE)
    found = stage.run(stage.book())
    assert told.kinds() == {"started": 1, "succeeded": 1}
    sweep_for(stage, 120)
    assert told.kinds() == {"started": 1, "succeeded": 1}
    assert stage.services.ledger.untold(10) == []
    given_up = [note for sentence, note in stage.notes if sentence == "notice given up"]
    assert {(note["channel"], note["error_code"]) for note in given_up} == {("bus", "action.resource_gone")}
    assert f"{found.run_id}.succeeded.1" in {note["notice"] for note in given_up}


def test_a_channel_that_is_mended_is_told_what_it_missed_and_the_other_nothing(stage: Stage, told: Told) -> None:
    notices = faulty(stage, bus=BUSY)
    stage.run(stage.book())
    sweep_for(stage, 10)
    assert told.by_bus() == []
    notices.failing = {}
    sweep_for(stage, 10)
    assert [one["detail-type"] for one in told.by_bus()] == ["Lifeboat succeeded"]
    assert told.kinds() == {"started": 1, "succeeded": 1}


class Picky(Faulty):
    """Takes everything but what is told of one run."""

    disliked = ""

    def tell(self, notice: Notice, channel: str) -> None:
        if notice.run_id == self.disliked:
            raise SILENT
        super().tell(notice, channel)


def test_a_notice_that_always_fails_does_not_keep_others_from_being_told(stage: Stage, told: Told) -> None:
    services = stage.services
    notices = Picky(services.aws, HOME, stage.estate["topic"], "")
    services.engine.teller = Teller(services.ledger, notices, services.engine.journal)
    ledger = services.ledger
    both = [stage.start(stage.book("snapshot-now"), key) for key in ("a", "b")]
    notices.disliked, liked = sorted(run.run_id for run in both)  # the one that is looked at first
    for run in both:
        stage.drive(run)
    sweep_for(stage, 10)
    assert ledger.untold(10) == [notices.disliked]
    assert liked in told.by_topic()[-1]["message"]
    assert told.kinds()["failed"] == 1


def test_a_channel_that_never_answers_is_not_waited_for_again_and_again(stage: Stage) -> None:
    tries: list[str] = []

    class Counted(Notices):
        def tell(self, notice: Notice, channel: str) -> None:
            tries.append(notice.id)
            raise SILENT

    services = stage.services
    notices = Counted(services.aws, HOME, stage.estate["topic"], "")
    services.engine.teller = Teller(services.ledger, notices, services.engine.journal)
    run = stage.start(stage.book("snapshot-now"))
    at = services.clock.now()
    for number in range(6):
        services.engine.teller.told(run, NoticeKind.STARTED, str(number), at)
    assert len(tries) == 2


def test_killed_between_telling_and_writing_it_down_tells_again_under_the_same_id(stage: Stage, told: Told) -> None:
    services = stage.services
    ledger: Any = services.engine.teller.ledger
    really = ledger.note_telling

    def dies_at_the_end(name: str, *rest: Any) -> None:
        if ".end." in name:
            raise KeyboardInterrupt
        really(name, *rest)

    ledger.note_telling = dies_at_the_end
    run = stage.start(stage.book())
    with pytest.raises(KeyboardInterrupt):
        stage.drive(run)
    ledger.note_telling = really
    on_schedule(SWEEP, services)
    ends = [one for one in told.by_topic() if one["attributes"]["lifeboat_kind"] == "succeeded"]
    assert len(ends) == 2
    assert len({one["attributes"]["lifeboat_notice"] for one in ends}) == 1


LATE = {
    "lifeboat": "schedule",
    "runbook": "nightly-retention",
    "trigger": 0,
    "scheduled_at": "2030-01-01T00:00:00Z",
}


@pytest.mark.parametrize("killed_in", ["create", "unmark_untold"])
@pytest.mark.parametrize("goes_on_by", [SWEEP, LATE])
def test_a_refusal_is_told_also_when_killed_before_it_was(
    stage: Stage, told: Told, killed_in: str, goes_on_by: dict[str, Any]
) -> None:
    services = stage.services
    ledger: Any = services.ledger
    really = getattr(ledger, killed_in)

    def dies(*given: Any) -> None:
        if killed_in == "create":
            really(*given)  # written, and nothing after it
        raise KeyboardInterrupt

    setattr(ledger, killed_in, dies)
    with pytest.raises(KeyboardInterrupt):
        on_schedule(LATE, services)
    setattr(ledger, killed_in, really)
    on_schedule(goes_on_by, services)
    on_schedule(SWEEP, services)
    assert told.kinds() == {"refused": 1}
    assert ledger.untold(10) == []


def test_what_the_guard_or_a_lease_does_not_allow_is_told_as_refused_and_not_as_failed(
    stage: Stage, told: Told
) -> None:
    found = stage.run(stage.book(guard={"regions": [HOME, "us-west-2"], "max_targets": 1}))
    assert found.state is RunState.FAILED
    assert told.kinds() == {"started": 1, "refused": 1}
    [refusal] = [one for one in told.by_topic() if one["attributes"]["lifeboat_kind"] == "refused"]
    assert "the guard allows 1" in refusal["message"]
