"""Covers the rule by which a zone counts as impaired, and which zones are fit to move to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.zone_evidence import Evidence, Fitness, Says, accused, judged, ranked

A, B, C = "use1-az1", "use1-az2", "use1-az3"


def against(zone: str, *kinds: str) -> list[Evidence]:
    return [Evidence(kind=kind, zone=zone, says=Says.AGAINST, what="x") for kind in kinds]


def speaks_for(zone: str, *kinds: str) -> list[Evidence]:
    return [Evidence(kind=kind, zone=zone, says=Says.FOR, what="x") for kind in kinds]


def test_two_kinds_against_a_zone_and_fewer_for_it_are_enough() -> None:
    found = judged([*against(A, "alarms", "targets"), *speaks_for(A, "instances"), *speaks_for(B, "targets")])
    assert (found.impaired, found.suspects) == (A, ())
    assert found.reason == f"against {A}: alarms, targets; for it: instances"


def test_silence_is_no_contradiction() -> None:
    assert judged(against(A, "alarms", "targets")).impaired == A


def test_much_of_one_kind_is_one_kind() -> None:
    found = judged(against(A, "alarms", "alarms", "alarms"))
    assert (found.impaired, found.suspects) == ("", (A,))
    assert found.reason.startswith("The evidence is thin")


def test_more_can_be_asked_for() -> None:
    assert judged(against(A, "alarms", "targets"), needed=3).suspects == (A,)
    assert judged(against(A, "alarms", "targets", "volumes"), needed=3).impaired == A


def test_evidence_against_two_zones_is_a_question() -> None:
    found = judged([*against(A, "alarms", "targets"), *against(B, "alarms", "targets", "volumes")])
    assert (found.impaired, found.suspects) == ("", (B, A))
    assert found.reason.startswith("The evidence speaks against more than one zone")


def test_a_second_zone_is_under_suspicion_until_as_many_kinds_speak_for_it() -> None:
    guilty = against(A, "alarms", "targets")
    assert judged([*guilty, *against(B, "alarms"), *speaks_for(B, "targets")]).suspects == (A, B)
    assert judged([*guilty, *against(B, "alarms"), *speaks_for(B, "targets", "instances")]).impaired == A


def test_evidence_that_points_both_ways_is_a_question() -> None:
    tied = judged([*against(A, "alarms", "targets"), *speaks_for(A, "instances", "volumes")])
    assert (tied.impaired, tied.suspects) == ("", (A,))
    outweighed = judged([*against(A, "alarms"), *speaks_for(A, "targets", "instances")])
    assert (outweighed.impaired, outweighed.suspects) == ("", (A,))
    for found in (tied, outweighed):
        assert found.reason.startswith("The evidence points both ways")


def test_nothing_against_any_zone_is_neither() -> None:
    for evidence in ([], speaks_for(A, "targets")):
        found = judged(evidence)
        assert (found.impaired, found.suspects, found.reason) == ("", (), "nothing speaks against any zone")


def test_zones_under_suspicion_are_told_with_why() -> None:
    evidence = [*against(A, "alarms"), *against(B, "alarms"), *speaks_for(B, "targets", "volumes")]
    assert accused(evidence) == {A: f"against {A}: alarms; for it: nothing"}


KINDS = st.sampled_from(["alarms", "targets", "instances", "volumes", "health"])
PIECES = st.builds(Evidence, kind=KINDS, zone=st.sampled_from([A, B, C]), says=st.sampled_from(Says), what=st.just("x"))


@given(st.lists(PIECES, max_size=12))
def test_a_zone_is_only_ever_named_with_enough_against_it_and_alone(evidence: list[Evidence]) -> None:
    found = judged(evidence)
    if found.impaired:
        kinds = {e.kind for e in evidence if e.zone == found.impaired and e.says is Says.AGAINST}
        others = {e.kind for e in evidence if e.zone == found.impaired and e.says is Says.FOR}
        assert len(kinds) >= 2
        assert len(kinds) > len(others)
        assert set(accused(evidence)) == {found.impaired}
    assert bool(found.impaired or found.suspects) is any(e.says is Says.AGAINST for e in evidence)


def test_the_fit_zones_are_ranked_by_reserved_capacity_room_and_id() -> None:
    zones = [Fitness(A), Fitness(B, subnets=1, free_addresses=50), Fitness(C, subnets=1, free_addresses=90)]
    assert ranked(zones, A, {}, 3).healthy == (C, B)
    reserved = [Fitness(B, free_addresses=50, reserved=2), Fitness(C, free_addresses=90)]
    assert ranked(reserved, A, {}, 3).healthy == (B, C)
    assert ranked([Fitness(C), Fitness(B)], A, {}, 0).healthy == (B, C)
    inhabited = [Fitness(B, free_addresses=90), Fitness(C, free_addresses=50, inhabited=True)]
    assert ranked(inhabited, A, {}, 2).healthy == (C, B)


@pytest.mark.parametrize(
    ("zone", "why"),
    [
        (Fitness(B, state="constrained"), "AWS says that it is constrained"),
        (Fitness(B, missing_types=("r6i.large", "x2idn.large")), "does not offer r6i.large, x2idn.large"),
        (Fitness(B, subnets=0), "has no subnet of the VPC"),
        (
            Fitness(B, subnets=1, free_addresses=2),
            "has 2 free addresses in its roomiest subnet, and 3 are needed",
        ),
    ],
)
def test_a_zone_that_cannot_take_what_moves_is_not_fit(zone: Fitness, why: str) -> None:
    found = ranked([zone, Fitness(A), Fitness(C)], A, {}, 3)
    assert (found.healthy, dict(found.unfit)) == ((C,), {B: why})


def test_a_zone_under_suspicion_is_not_fit() -> None:
    assert dict(ranked([Fitness(B)], A, {B: "alarms"}, 0).unfit) == {B: "alarms"}
