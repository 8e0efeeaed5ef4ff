"""Nothing that is needed is ever deleted, whatever happened on whichever nights; broken rules and guards are caught."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis.errors import NoSuchExample

from chalicelib.domain.change import Change
from chalicelib.domain.generations import PERIODS, Keep
from chalicelib.domain.guard import Judgement, judge
from chalicelib.domain.point_sets import Place, PointSet, Stored
from chalicelib.domain.retention import Decision, Estate, Kept, Retention
from tests.histories import HOLDS, History, histories
from tests.invariants import ALL, Guard, broken

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


@settings(max_examples=120, deadline=None, suppress_health_check=SLOW)
@given(histories())
def test_no_history_makes_the_rule_delete_what_is_needed(history: History) -> None:
    assert broken(history) == []


class ForgetsTheLastGood(Retention):
    def last_good(self, estate: Estate) -> Iterator[Kept]:
        return iter(())


class ForgetsIncrementalBases(Retention):
    def newest_copies(self, estate: Estate) -> set[str]:
        return set()


class TearsSetsApart(Retention):
    def of_set(self, one: PointSet, reasons: Sequence[str], estate: Estate) -> list[Decision]:
        made = super().of_set(one, reasons, estate)
        return [Decision(d.stored, bool(n) and d.delete, d.reason, d.group, d.keeper) for n, d in enumerate(made)]


class DeletesWhatIsBeingCopied(Retention):
    def copied_from(self, estate: Estate) -> set[str]:
        return set()


class DeletesWhatIsUnfinished(Retention):
    def unfinished(self, estate: Estate) -> Iterator[Kept]:
        return iter(())


class ForgetsCopiesToCome(Retention):
    def unfinished(self, estate: Estate) -> Iterator[Kept]:
        return ((one, why) for one, why in super().unfinished(estate) if "may still come" not in why)


class IgnoresExpiry(Retention):
    def kept_by_hand(self, estate: Estate) -> Iterator[Kept]:
        return iter(())


class LosesSurplus(Retention):
    def of_surplus(self, one: PointSet, extra: Stored, protected: set[str], estate: Estate) -> Decision:
        return Decision(one.members[0], delete=False, reason="", group="")


class DeletesWhatHasNothingBetter(Retention):
    def nothing_better(self, estate: Estate) -> Iterator[Kept]:
        return iter(())


class CountsPointsMadeByHand(Retention):
    def kept_generations(self, estate: Estate) -> Iterator[Kept]:
        plain = [replace_all(one, expires=None) for one in estate.sets]
        named = {one.name: one for one in estate.sets}
        for one, why in super().kept_generations(Estate(plain, estate.newest_good)):
            yield named[one.name], why


class CountsInUtc(Retention):
    def kept_generations(self, estate: Estate) -> Iterator[Kept]:
        yield from Retention(self.keep, self.now, UTC, self.gone, self.orphans).kept_generations(estate)


class TakesTheLastOfEachPeriod(Retention):
    def kept_generations(self, estate: Estate) -> Iterator[Kept]:
        histories_of: dict[Place, list[tuple[datetime, PointSet]]] = {}
        for one in estate.sets:
            for member in one.members if one.good and not one.by_hand else ():
                histories_of.setdefault(member.place, []).append((one.at, one))
        for history in histories_of.values():
            for kind, period_of in PERIODS.items():
                lasts = {period_of(at.astimezone(self.zone)): one for at, one in history}
                for one in list(lasts.values())[-(getattr(self.keep, kind) or 0) or len(lasts) :]:
                    yield one, kind


def replace_all(one: PointSet, **changes: Any) -> PointSet:
    members, surplus = (tuple(replace(each, **changes) for each in some) for some in (one.members, one.surplus))
    return PointSet(one.name, members, surplus)


def blind(name: str, sees: Callable[[Stored], Stored]) -> type[Retention]:
    """Return a rule that takes snapshots for something else than they are."""

    class Blind(Retention):
        def decide(self, stored: Iterable[Stored]) -> list[Decision]:
            return super().decide([sees(one) for one in stored])

    Blind.__name__ = name
    return Blind


def forgetting(field: str) -> type[Retention]:
    """Return a rule that does not know a field of `keep`."""

    class Forgets(Retention):
        def kept_generations(self, estate: Estate) -> Iterator[Kept]:
            rest = self.keep.model_dump(exclude={field}, exclude_none=True)
            if rest:
                rule = Retention(Keep.model_validate(rest), self.now, self.zone, self.gone, self.orphans)
                yield from rule.kept_generations(estate)

    Forgets.__name__ = f"Forgets_{field}"
    return Forgets


def unheld(word: str) -> type[Retention]:
    return blind(f"Overrides_{word}", lambda one: replace(one, hold="") if one.hold == word else one)


def archived_not(one: Stored) -> Stored:
    return replace(one, point=one.point.model_copy(update={"archived": False}))


VARIANTS: list[tuple[type[Retention], str]] = [
    (ForgetsTheLastGood, "last_good_stays"),
    (ForgetsIncrementalBases, "newest_copy_stays"),
    (TearsSetsApart, "sets_go_whole"),
    (DeletesWhatIsBeingCopied, "sources_of_unfinished_copies_stay"),
    (ForgetsCopiesToCome, "young_sources_wait_for_their_copies"),
    (DeletesWhatIsUnfinished, "what_is_unfinished_stays"),
    (DeletesWhatIsUnfinished, "what_is_archived_stays"),
    (DeletesWhatIsUnfinished, "what_needs_an_unusable_key_stays"),
    (blind("TakesKeysForUsable", lambda one: replace(one, key_problem="")), "last_good_stays"),
    (blind("TakesArchivedForGood", archived_not), "last_good_stays"),
    (blind("TakesAllForOurs", lambda one: replace(one, ours=True, hold="")), "what_is_foreign_stays"),
    (blind("CountsForeign", lambda one: replace(one, ours=True)), "last_good_stays"),
    *((unheld(word), "what_is_held_stays") for word in HOLDS),
    (IgnoresExpiry, "what_was_made_by_hand_stays_until_it_expires"),
    (LosesSurplus, "everything_is_decided_once"),
    (DeletesWhatHasNothingBetter, "every_deletion_has_a_better_point"),
    *((forgetting(field), f"{field}_stays") for field in Keep.model_fields),
    (CountsPointsMadeByHand, "last_stays"),
    (CountsInUtc, "daily_stays"),
    (TakesTheLastOfEachPeriod, "weekly_stays"),
]


def caught(name: str, invariant: str, **judged: Any) -> None:
    """Let Hypothesis look for a history on which a broken variant breaks its invariant."""
    quick = settings(
        max_examples=2_000,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=SLOW,
    )
    try:
        find(histories(), lambda history: bool(broken(history, names={invariant}, **judged)), settings=quick)
    except NoSuchExample:
        pytest.fail(f"{name} was not caught")


FEW = VARIANTS[:4]  # the sweep has them all


@pytest.mark.parametrize(("variant", "invariant"), FEW, ids=lambda one: getattr(one, "__name__", one))
def test_some_broken_rules_are_caught_by_their_invariants(variant: type[Retention], invariant: str) -> None:
    caught(variant.__name__, invariant, kind=variant)


def cuts_sets(changes: Sequence[Change], **given: Any) -> Judgement:
    """Let through as many as there is room for, whatever belongs together."""
    told = judge([one.model_copy(update={"group": ""}) for one in changes], **given)
    named = {one.key: one for one in changes}
    through, waiting = (tuple(named[one.key] for one in some) for some in (told.allowed, told.held_back))
    return Judgement(allowed=through, held_back=waiting)


def knows_no_share(changes: Sequence[Change], **given: Any) -> Judgement:
    return judge(changes, **{**given, "max_share_percent": 100})


def counts_more_than_there_are(changes: Sequence[Change], **given: Any) -> Judgement:
    return judge(changes, **{**given, "population": 2 * given["population"]})


def takes_the_newest_first(changes: Sequence[Change], **given: Any) -> Judgement:
    ordered = sorted({one.order for one in changes}, reverse=True)
    turned = {one.key: one.model_copy(update={"order": f"{ordered.index(one.order):06}"}) for one in changes}
    return judge([turned[one.key] for one in changes], **given)


GUARDS: list[tuple[Guard, str]] = [
    (cuts_sets, "no_set_is_cut"),
    (knows_no_share, "no_more_than_the_share_goes"),
    (counts_more_than_there_are, "no_more_than_the_share_goes"),
    (takes_the_newest_first, "the_oldest_go_first"),
]


@pytest.mark.parametrize(("guard", "invariant"), GUARDS)
def test_each_broken_guard_is_caught_by_its_invariant(guard: Guard, invariant: str) -> None:
    caught(str(guard), invariant, guard=guard)


def test_every_invariant_has_a_variant_that_breaks_it() -> None:
    assert {invariant for _, invariant in VARIANTS} | {invariant for _, invariant in GUARDS} == ALL
