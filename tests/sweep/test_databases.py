"""Databases: their backup, and their retention, killed at each AWS call and started again; and in storms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.aws import tags
from chalicelib.sandbox.client import Control
from chalicelib.sandbox.process import Sandbox
from chalicelib.stores.creation import create_table
from tests.database_pasts import AWAY, HOME, DatabasePast
from tests.sweep.engines import Cause, Engines, Outcome
from tests.sweep.plan import FAR, PERCENT, SEED, STORMS, WHENS, sampled
from tests.sweep.steering import Truth

pytestmark = pytest.mark.sweep
START = datetime(2031, 1, 6, 2, 30, tzinfo=UTC)
NIGHTS = 14
STORM = {"throttle_share": 0.3, "lost_answer_share": 0.15, "visibility_s": 60, "rds": {"copies_per_destination": 1}}

Seen = dict[str, dict[str, str]]


class Estate:
    """A sandbox with databases and two weeks of their points in both Regions, and engines that work on it."""

    def __init__(self, box: Sandbox, engines: Engines) -> None:
        self.box, self.engines, self.truth = box, engines, Truth()
        self.truth.steering.url = box.url
        self.estate: dict[str, Any] = {**box.control.estate("small"), **box.control.estate("databases")}
        create_table(self.truth, HOME, "lifeboat", lambda _seconds: None)
        box.control.weather(rds={"copies": {"base_s": 300, "gib_per_s": 10}})
        self.past = DatabasePast(box.control, self.estate)
        for _ in range(NIGHTS):
            self.past.night(*self.estate["protected_databases"])
        self.before = self.there()
        self.faults: Counter[str] = Counter()

    def there(self) -> Seen:
        """Return the tags of every manual snapshot, by Region and name."""
        found: Seen = {}
        for region in (HOME, AWAY):
            rds = self.truth.client("rds", region)
            for kind in ("DBSnapshot", "DBClusterSnapshot"):
                operation = "describe_db_snapshots" if kind == "DBSnapshot" else "describe_db_cluster_snapshots"
                for one in rds.get_paginator(operation).paginate(SnapshotType="manual").build_full_result()[f"{kind}s"]:
                    own = {tag["Key"]: tag["Value"] for tag in one["TagList"]}
                    found[f"{region}/{one[f'{kind}Identifier']}"] = {**own, "status": one["Status"]}
        return found

    def worked(
        self, runbook: str, kill: tuple[int, str] | None = None, weather: dict[str, Any] | None = None
    ) -> tuple[list[Outcome], Seen]:
        """Carry a runbook out on a copy of everything, killed once if asked; tell how it ended and what is there."""
        control: Control = self.box.control.fork()
        cause = Cause(f"schedule/0/{runbook}", self.box.control.now(), runbook=runbook)
        try:
            control.weather(**(weather or {}))
            if kill:
                control.kill(*kill)
            outcomes = self.engines.run(control.url, [cause])
            control.kill(None)
            if outcomes[0].killed:
                outcomes += self.engines.run(control.url, [cause])
            self.truth.steering.url = control.url
            self.faults.update(control.faults())
            return outcomes, self.there()
        finally:
            self.truth.steering.url = self.box.url
            control.quit()

    def wrong_backup(self, outcomes: list[Outcome], found: Seen) -> str:
        """Return what is wrong with a night; "" when every database has one point and one copy, and all else stayed."""
        new = {name: own for name, own in found.items() if name not in self.before}
        count = Counter((name.split("/")[0], own[tags.SOURCE_DATABASE].split("/")[0]) for name, own in new.items())
        wanted = {(region, database): 1 for region in (HOME, AWAY) for database in self.estate["protected_databases"]}
        lost = self.before.keys() - found.keys()
        states = {own["status"] for own in new.values()}
        if outcomes[-1].state == "succeeded" and count == wanted and states == {"available"} and not lost:
            return ""
        return f"{outcomes[-1]}, made {dict(count)}, {states}, lost {sorted(lost)}"


@pytest.fixture(name="estate", scope="module")
def _estate() -> Iterator[Estate]:
    with Sandbox.start(seed=SEED, start=START.isoformat()) as box, Engines() as engines:
        yield Estate(box, engines)


@pytest.mark.parametrize("when", WHENS)
def test_a_backup_of_databases_killed_at_any_call_has_one_point_and_one_copy_of_each(estate: Estate, when: str) -> None:
    killed, wrong = 0, list[str]()
    for at in sorted({at for shard in range(8) for at in sampled(when, shard)}):
        outcomes, found = estate.worked("nightly-databases", (at, when))
        said = estate.wrong_backup(outcomes, found)
        wrong += [f"{when} {at}: {said}"] if said else []
        if len(outcomes) == 1:
            break
        killed += 1
    else:
        wrong.append(f"no run ended within {FAR} calls")
    print(f"swept databases {when}: {killed} kills, {PERCENT} % with seed {SEED}, {len(wrong)} bad")  # noqa: T201
    assert not wrong, "\n".join(wrong)


def test_a_storm_over_rds_changes_nothing_about_the_end_also_when_killed(estate: Estate) -> None:
    estate.faults.clear()
    for seed in STORMS:
        for kill in (None, (20 + seed, "after")):
            outcomes, found = estate.worked("nightly-databases", kill, {**STORM, "seed": seed})
            assert not (said := estate.wrong_backup(outcomes, found)), f"seed {seed}: {said}"
    print(f"storms over a backup of databases: {dict(estate.faults)}")  # noqa: T201
    assert {"throttled", "answer_lost", "late_listing", "quota:SnapshotQuotaExceeded"} <= estate.faults.keys()


@pytest.mark.parametrize("when", WHENS)
def test_an_expiry_of_databases_killed_at_any_call_deletes_what_was_planned_and_nothing_more(
    estate: Estate, when: str
) -> None:
    calm, left = estate.worked("database-retention")
    assert calm[0].state == "succeeded"
    assert len(estate.before) - len(left) >= 20
    killed, wrong = 0, list[str]()
    for at in sorted({at for shard in range(8) for at in sampled(when, shard)}):
        outcomes, found = estate.worked("database-retention", (at, when))
        if outcomes[-1].state != "succeeded" or found.keys() != left.keys():
            wrong.append(f"{when} {at}: {outcomes[-1]}, {sorted(found.keys() ^ left.keys())}")
        if len(outcomes) == 1:
            break
        killed += 1
    else:
        wrong.append(f"no run ended within {FAR} calls")
    print(f"swept database retention {when}: {killed} kills, {PERCENT} %, {len(wrong)} bad")  # noqa: T201
    assert not wrong, "\n".join(wrong)


def test_a_storm_over_an_expiry_deletes_what_a_calm_one_does_also_when_killed(estate: Estate) -> None:
    _, left = estate.worked("database-retention")
    estate.faults.clear()
    for seed in STORMS:
        for kill in (None, (15 + seed, "after")):
            outcomes, found = estate.worked("database-retention", kill, {**STORM, "seed": seed})
            assert outcomes[-1].state == "succeeded", seed
            assert found.keys() == left.keys(), seed
    print(f"storms over an expiry of databases: {dict(estate.faults)}")  # noqa: T201
    assert {"throttled", "answer_lost"} <= estate.faults.keys(), "what is deleted has long been listed"
