"""What is failed over to where, and what must not be any more: pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.actions.rds_failover import Failover
from chalicelib.actions.rds_failover_plan import Away, candidates, decided, objection
from chalicelib.aws.live_databases import LiveCluster, LiveInstance, LiveMember
from chalicelib.domain.change import Change, Effect, Failure
from tests.unit.actions.world import plain_context

ONE = LiveInstance(
    "orders", "db-1", "us-east-1", "available", "z1", "z2", multi_az=True, cluster="", address="a", port=1, source="",
    latest=None, protected=False, tags={},
)  # fmt: skip
BAD = Away("z1")


def member(name: str, zone: str, tier: int = 1, status: str = "available", *, writer: bool = False) -> LiveMember:
    return LiveMember(writer, tier, replace(ONE, name=name, zone=zone, status=status, multi_az=False, standby=""))


def cluster(*members: LiveMember) -> LiveCluster:
    return LiveCluster(
        "events", "cluster-1", "us-east-1", "available", members, "a", 1, "", None, None, protected=False, tags={}
    )


WRITES = member("e1", "z1", writer=True)


def test_the_best_reader_is_of_the_lowest_tier_then_of_the_best_zone_and_never_in_a_bad_one() -> None:
    them = cluster(WRITES, member("e2", "z3", 2), member("e3", "z2", 1), member("e4", "z3", 1), member("e5", "z1", 0))
    assert [one.instance.name for one in candidates(them, Away("z1", ("z3", "z2")))] == ["e4", "e3", "e2"]
    assert [one.instance.name for one in candidates(them, Away("z1", ("z2",)))] == ["e3"]
    busy = cluster(WRITES, member("e2", "z2", status="rebooting"))
    assert candidates(busy, BAD) == []


@pytest.mark.parametrize(
    ("one", "code"),
    [
        (replace(ONE, status="failed"), "action.lost"),
        (replace(ONE, multi_az=False, standby=""), "action.single_az"),
        (replace(ONE, multi_az=False, standby="", source="other"), "action.single_az"),
        (replace(ONE, standby=""), "action.no_standby"),
        (cluster(WRITES), "action.no_reader"),
        (cluster(WRITES, member("e2", "z1")), "action.no_reader"),
    ],
)
def test_what_cannot_be_failed_over_says_why(one: Any, code: str) -> None:
    said = decided(one, BAD)
    assert isinstance(said, Failure)
    assert said.code == code


def planned(one: Any, away: Away = BAD) -> Change:
    made = decided(one, away)
    assert isinstance(made, Change)
    return made


def test_a_premise_that_is_gone_is_a_conflict_and_what_has_moved_is_moot() -> None:
    change = planned(ONE)
    assert objection(change, ONE) == ("", "")
    assert objection(change, None)[0] == "conflict"
    assert objection(change, replace(ONE, tags={"lifeboat:hands-off": ""}))[0] == "conflict"
    assert objection(change, replace(ONE, name="other"))[0] == "conflict"
    assert objection(change, replace(ONE, zone="z2", standby="z1"))[0] == "moot"
    assert objection(change, replace(ONE, zone="")) == ("", "")  # AWS does not tell: the call itself decides


def test_the_calls_are_those_that_a_person_would_make_and_are_not_taken_back() -> None:
    ctx = plain_context()
    [reboot] = Failover().calls_for(planned(ONE), ctx)
    assert (reboot.operation, reboot.params) == (
        "RebootDBInstance",
        {"DBInstanceIdentifier": "orders", "ForceFailover": True},
    )
    [moved] = Failover().calls_for(planned(cluster(WRITES, member("e2", "z2"))), ctx)
    assert (moved.operation, moved.params["TargetDBInstanceIdentifier"]) == ("FailoverDBCluster", "e2")
    assert "away_from: z2" in Failover().undo(planned(ONE), Effect(), ctx).cannot
