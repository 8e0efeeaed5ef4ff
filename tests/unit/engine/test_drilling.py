"""Drills: what can be rehearsed is made at the drill's own place and removed again, the rest is planned only."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

import pytest

from chalicelib.domain.change import Change, ChangeKind, Effect, Plan, Question
from chalicelib.domain.report import RunRecord
from chalicelib.domain.run import Run, RunCause, RunState, StepState, Stop
from chalicelib.domain.runbook import Runbook
from chalicelib.engine.history import record
from chalicelib.engine.intake import SWEEP, on_schedule
from chalicelib.engine.local import drive, hold
from chalicelib.errors import ActionError, ErrorKind, RefusedError
from tests.fakes import REGION, MakeThings, toy_runbook
from tests.unit.engine.conftest import Bench

DENIED = ActionError("aws.denied", "you may not")
MAKE, TOUCH = "toy.make_things", "toy.touch_things"


class TouchThings(MakeThings):
    """Changes what is live: no drill does that."""

    name: ClassVar[str] = TOUCH


@pytest.fixture(name="place")
def _place(bench: Bench) -> dict[str, str]:
    """An isolated place, and actions of which one can be rehearsed."""
    ec2 = bench.services.aws.client("ec2", REGION, "write")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="drill", Description="drills", VpcId=vpc)["GroupId"]
    actions: Any = bench.services.actions
    actions[MAKE].rehearsable = True
    actions[TOUCH] = TouchThings(bench.world)
    bench.services.engine.signatures[TOUCH] = actions[TOUCH].signature()  # type: ignore[index]
    return {"subnet": subnet, "security_group": group, "instance_profile": "drills"}


def step(name: str, *names: str, uses: str = MAKE, **more: Any) -> dict[str, Any]:
    return {"id": name, "uses": uses, "with": {"names": list(names)}, **more}


STEPS = [step("things", "a", "b"), step("live", "t", uses=TOUCH)]
ON_MADE = {"uses": "check.things", "with": {"names": ["a"], "things": "${{ steps.things.things }}"}}
ON_LIVE = {"uses": "check.things", "with": {"names": ["t"]}}


def started(bench: Bench, place: dict[str, str] | None, key: str = "k1", mode: str = "drill", **book: Any) -> Run:
    known: dict[str, Any] = {"steps": STEPS, "verify": [ON_MADE, ON_LIVE], **book}
    runbook = Runbook.model_validate(toy_runbook(**known, **({"drill": place} if place else {})))
    cause = RunCause(kind="manual", key=key, occurred_at=bench.clock.now(), summary="by hand")
    return bench.services.starter.start(runbook, cause, {}, mode=mode).run


def drilled(bench: Bench, place: dict[str, str], **book: Any) -> Run:
    run = started(bench, place, **book)
    return drive(bench.services.engine, hold(run, bench.services.starter, new=True))


def told(bench: Bench, run: Run) -> RunRecord:
    return record(bench.services.ledger, run, bench.clock.now())


def test_what_can_be_rehearsed_is_made_judged_and_removed_and_the_rest_is_told(
    bench: Bench, place: dict[str, str]
) -> None:
    run = drilled(bench, place)
    rows = bench.rows(run)
    assert (run.state, run.mode) == (RunState.SUCCEEDED, "drill")
    assert (bench.world.applied, bench.world.unmade, bench.world.names()) == (["a", "b"], ["b", "a"], [])
    assert (rows["live"].state, rows["live"].code) == (StepState.SKIPPED, "drill.not_rehearsed")
    assert rows["live"].notes[:2] == ("not rehearsed: 1 changes were planned only", "would create t: wanted")
    assert (rows["verify-1"].state, rows["verify-2"].state) == (StepState.SUCCEEDED, StepState.SKIPPED)
    found = told(bench, run).drill
    assert found
    assert (found.rehearsed, found.not_rehearsed) == (("things", "verify-1"), ("live", "verify-2"))
    assert (found.planned_only, found.removed, found.left) == (1, 2, 0)
    assert bench.services.ledger.last_success("toy") is None, "a drill is no run"
    assert bench.services.ledger.last_success("toy.drill") is not None


def test_what_it_made_is_removed_after_a_failure_and_after_a_stop(bench: Bench, place: dict[str, str]) -> None:
    bench.world.fails = {"b"}
    run = drilled(bench, place)
    assert (run.state, bench.world.names()) == (RunState.FAILED, [])
    bench.world.fails = set()
    second = started(bench, place, key="k2")
    held = hold(second, bench.services.starter, new=True)
    bench.services.engine.advance(held.run_id, held.generation)
    bench.services.ledger.ask_stop(held.run_id, Stop(at=bench.clock.now(), by="ana", reason="enough"))
    stopped = drive(bench.services.engine, held)
    assert (stopped.state, stopped.code) == (RunState.FAILED, "run.stopped")
    assert bench.world.names() == []


def test_what_could_not_be_removed_is_owed_and_goes_later(bench: Bench, place: dict[str, str]) -> None:
    bench.world.refuse["unmake-b"] = [DENIED]
    run = drilled(bench, place)
    assert (run.state, bench.world.names()) == (RunState.FAILED, ["b"])
    [name] = bench.services.ledger.owed(run.run_id)
    assert name == "undo-things.unmake-b"
    bench.clock.sleep(300)
    on_schedule(SWEEP, bench.services)
    assert (bench.world.names(), bench.services.ledger.owed(run.run_id)) == ([], {})


def test_what_lasts_is_owed_to_people(bench: Bench, place: dict[str, str]) -> None:
    bench.world.lasting = {"b"}
    run = drilled(bench, place)
    [owed] = bench.services.ledger.owed(run.run_id).values()
    assert "b lasts for ever" in owed.why
    assert not owed.actionable


@pytest.mark.parametrize("used", ["subnet", "security_group", "instance_profile"])
def test_a_place_that_something_else_uses_is_refused(bench: Bench, place: dict[str, str], used: str) -> None:
    ec2 = bench.services.aws.client("ec2", REGION, "write")
    iam = bench.services.aws.client("iam", REGION, "write")
    iam.create_instance_profile(InstanceProfileName="drills")
    other = ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"][0]
    vpc = ec2.describe_subnets(SubnetIds=[place["subnet"]])["Subnets"][0]["VpcId"]
    beside = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.2.0/24")["Subnet"]["SubnetId"]
    asked: dict[str, Any] = {"ImageId": "ami-12c6146b", "MinCount": 1, "MaxCount": 1}
    asked |= {
        "subnet": {"SubnetId": place["subnet"]},
        "security_group": {"SubnetId": beside, "SecurityGroupIds": [place["security_group"]]},
        "instance_profile": {"SubnetId": other["SubnetId"], "IamInstanceProfile": {"Name": "drills"}},
    }[used]
    [instance] = ec2.run_instances(**asked)["Instances"]
    run = drilled(bench, place)
    row = bench.rows(run)["things"]
    assert (run.state, row.code, bench.world.applied) == (RunState.FAILED, "drill.production_site", [])
    assert instance["InstanceId"] in row.message
    ec2.create_tags(Resources=[instance["InstanceId"]], Tags=[{"Key": "lifeboat:drill", "Value": "another"}])
    assert drive(bench.services.engine, started(bench, place, key="k2")).state is RunState.SUCCEEDED


def test_a_group_of_another_network_and_the_default_group_are_refused(bench: Bench, place: dict[str, str]) -> None:
    ec2 = bench.services.aws.client("ec2", REGION, "write")
    for name, why in (("default-vpc", "is of vpc-"), ("default", "default group")):
        wanted = ec2.describe_security_groups()["SecurityGroups"]
        mine = ec2.describe_subnets(SubnetIds=[place["subnet"]])["Subnets"][0]["VpcId"]
        group = next(
            one["GroupId"]
            for one in wanted
            if one["GroupName"] == "default" and (one["VpcId"] == mine) is (name == "default")
        )
        run = drive(bench.services.engine, started(bench, {**place, "security_group": group}, key=name))
        assert why in bench.rows(run)["things"].message


def test_a_plan_that_touches_anything_but_its_own_is_refused(bench: Bench, place: dict[str, str]) -> None:
    make: Any = bench.services.actions[MAKE]
    really = make._change
    make._change = lambda *args: really(*args).model_copy(update={"kind": ChangeKind.MODIFY})
    run = drilled(bench, place)
    assert (bench.rows(run)["things"].code, bench.world.applied) == ("guard.drill", [])


def test_nothing_but_its_own_is_removed(bench: Bench, place: dict[str, str]) -> None:
    make: Any = bench.services.actions[MAKE]
    really = make.undo

    def of_somebody_else(change: Change, effect: Effect, ctx: Any) -> Any:
        undo = really(change, effect, ctx)
        elsewhere = tuple(each.model_copy(update={"targets": ("vol-live",)}) for each in undo.changes)
        return type(undo)(by=undo.by, changes=elsewhere)

    make.undo = of_somebody_else
    run = drilled(bench, place)
    assert (run.state, bench.world.unmade) == (RunState.FAILED, [])
    assert {one.code for one in bench.rows(run)["undo-things"].failures} == {"guard.drill"}
    assert len(bench.services.ledger.owed(run.run_id)) == 2


def test_without_a_place_there_is_no_drill(bench: Bench) -> None:
    with pytest.raises(RefusedError) as caught:
        started(bench, None)
    assert caught.value.code == "drill.no_site"


def test_a_place_that_is_not_said_is_named(bench: Bench, place: dict[str, str]) -> None:
    empty = {**place, "subnet": "${{ inputs.subnet }}"}
    run = started(bench, empty, inputs={"subnet": {"type": "string", "default": ""}})
    fresh = run.model_copy(update={"inputs": {"subnet": ""}})
    bench.services.ledger.save(fresh)
    ended = drive(bench.services.engine, run)
    assert (bench.rows(ended)["things"].code, bench.world.applied) == ("drill.no_site", [])


def test_a_drill_claims_nothing_and_joins_nobody(bench: Bench, place: dict[str, str]) -> None:
    make: Any = bench.services.actions[MAKE]
    make.lease = "toy"
    bench.services.ledger.lease("toy", "a", "somebody")
    other = bench.start("other")
    bench.services.ledger.lease("toy", "a", other.run_id)
    bench.services.ledger.finish(other.model_copy(update={"state": RunState.STOPPED, "ended_at": bench.clock.now()}))
    assert drilled(bench, place).state is RunState.SUCCEEDED
    assert bench.services.ledger.lease("toy", "a", other.run_id) == other.run_id


def test_it_does_not_begin_beside_a_recovery_and_stops_for_one(bench: Bench, place: dict[str, str]) -> None:
    real = started(bench, place, key="real", mode="run")
    with pytest.raises(RefusedError, match=real.run_id):
        started(bench, place)
    drive(bench.services.engine, hold(real, bench.services.starter, new=True))
    bench.world.applied.clear()
    run = hold(started(bench, place, key="k2"), bench.services.starter, new=True)
    bench.services.engine.advance(run.run_id, run.generation)
    later = started(bench, place, key="later", mode="run")
    ended = drive(bench.services.engine, run)
    assert (ended.state, ended.code, later.run_id in ended.message) == (RunState.FAILED, "run.stopped", True)
    assert bench.world.unmade == ["b", "a"]


def test_taking_back_stops_for_a_new_run_of_the_runbook(bench: Bench) -> None:
    run = bench.run()
    taken = bench.services.starter.undo(run, by="ana", reason="r", holder="h")
    other = bench.start("new")
    ended = drive(bench.services.engine, taken)
    assert (ended.state, ended.message) == (RunState.STOPPED, f"recovery {other.run_id} goes first")
    assert bench.world.unmade == []


def test_nobody_is_asked_whether_a_drill_may_do_what_it_does_to_its_own(bench: Bench, place: dict[str, str]) -> None:
    make: Any = bench.services.actions[MAKE]
    really = make.plan

    def asking(given: Any, ctx: Any) -> Plan:
        plan: Plan = really(given, ctx)
        return plan.model_copy(update={"ask": Question(reason="it may lose data", may_lose_data=True)})

    make.plan = asking
    bench.services.actions[TOUCH].plan = asking  # type: ignore[union-attr,method-assign]
    run = drilled(bench, place)
    assert run.state is RunState.SUCCEEDED
    assert "would ask: it may lose data" in bench.rows(run)["live"].notes


def test_a_drill_by_schedule_is_watched_apart_from_runs(bench: Bench, place: dict[str, str]) -> None:
    run = drilled(bench, place)
    assert told(bench, run).mode == "drill"
    assert (bench.clock.now() - run.started_at) < timedelta(hours=1)


def test_a_lost_answer_that_shows_up_too_late_is_found_by_its_tag(bench: Bench, place: dict[str, str]) -> None:
    """The effect is there, the ledger does not know it, and the drill has ended."""
    bench.world.lose = {"b"}
    bench.world.hidden_s = 10**6
    run = drilled(bench, place, steps=[step("things", "a", "b", within="4m")], verify=[])
    assert bench.world.names() == ["b"]
    ec2 = bench.services.aws.client("ec2", REGION, "write")
    effect = next(iter(bench.world.made))
    tags = [{"Key": "lifeboat:drill", "Value": run.run_id}, {"Key": "lifeboat:effect", "Value": effect}]
    spec: Any = [{"ResourceType": "volume", "Tags": tags}]
    volume = ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=1, TagSpecifications=spec)["VolumeId"]
    foreign = [{"ResourceType": "volume", "Tags": [{"Key": "lifeboat:drill", "Value": run.run_id}]}]
    other = ec2.create_volume(AvailabilityZone=f"{REGION}a", Size=1, TagSpecifications=foreign)["VolumeId"]
    bench.world.hidden_s = 0
    bench.clock.sleep(300)
    on_schedule(SWEEP, bench.services)
    assert bench.world.names() == [], "tag and ledger agree: it goes"
    [owed] = bench.services.ledger.owed(run.run_id).values()
    assert (owed.name, owed.actionable) == (f"stray.{other}", False), "no effect of the drill carries that name"
    for each in (volume, other):
        ec2.delete_volume(VolumeId=each)
    bench.clock.sleep(3600)
    on_schedule(SWEEP, bench.services)
    assert bench.services.ledger.drills() == []


def test_a_drill_that_cannot_be_looked_after_now_is_looked_after_later(bench: Bench, place: dict[str, str]) -> None:
    drilled(bench, place)
    reading: Any = bench.services.engine.aws
    really = reading.reading

    def throttled() -> Any:
        raise ActionError("aws.throttled", "slow down", ErrorKind.THROTTLED)

    reading.reading = throttled
    bench.clock.sleep(7200)
    on_schedule(SWEEP, bench.services)
    assert len(bench.services.ledger.drills()) == 1
    reading.reading = really
    on_schedule(SWEEP, bench.services)
    assert bench.services.ledger.drills() == []
