"""Databases brought back, killed at each AWS call and started again: nothing missing, twice or overwritten."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from chalicelib.aws import tags
from chalicelib.sandbox.client import Control
from chalicelib.sandbox.process import Sandbox
from chalicelib.stores.creation import create_table
from tests.sweep.engines import Cause, Engines, Outcome
from tests.sweep.plan import FAR, PERCENT, SEED, WHENS, sampled
from tests.sweep.steering import Truth

pytestmark = pytest.mark.sweep
START = datetime(2031, 1, 6, 2, 30, tzinfo=UTC)
HOME = "us-east-1"
STORM = {"throttle_share": 0.3, "lost_answer_share": 0.15, "visibility_s": 60}
STORMS = range(1, 1 + max(1, 8 * PERCENT // 100))
HEAD = """version: 1
name: {name}
guard: {{regions: [us-east-1, us-west-2], max_share: 100%}}
steps:
  - id: it
    uses: {uses}
    approved_in_advance: a sweep
    with: {given}
"""
RESTORE = '{select: {databases: ["db:orders", "cluster:events"]}, replace: rename}'
FAILOVER = "{{select: {{tags: {{app: shop}}}}, away_from: {zone}}}"
Kill = tuple[int, str]


class Estate:
    """A sandbox in which every database has a point, and engines that bring databases back on copies of it."""

    def __init__(self, box: Sandbox, engines: Engines, books: Path) -> None:
        self.box, self.engines, self.truth = box, engines, Truth()
        self.truth.steering.url = box.url
        self.estate: dict[str, Any] = {**box.control.estate("small"), **box.control.estate("databases")}
        create_table(self.truth, HOME, "lifeboat", lambda _seconds: None)
        self.settings = {"runbooks": str(books)}
        for shipped in Path("runbooks").glob("*.yaml"):
            shutil.copy(shipped, books)
        backup = Cause("schedule/0/before", box.control.now(), runbook="nightly-databases")
        [made] = engines.run(box.url, [backup], self.settings)
        assert made.state == "succeeded", made
        box.control.settle()
        self.before = self.there()
        self.dark = str(self.before["db:orders"]["AvailabilityZone"])
        zones = self.truth.client("ec2", HOME).describe_availability_zones()["AvailabilityZones"]
        bad = next(one["ZoneId"] for one in zones if one["ZoneName"] == self.dark)
        for name, uses, given in (
            ("sweep-restore", "rds.restore", RESTORE),
            ("sweep-failover", "rds.failover", FAILOVER.format(zone=bad)),
        ):
            (books / f"{name}.yaml").write_text(HEAD.format(name=name, uses=uses, given=given))

    def there(self) -> dict[str, dict[str, Any]]:
        """Return all databases as they truly are."""
        rds = self.truth.client("rds", HOME)
        found = {f"db:{one['DBInstanceIdentifier']}": one for one in rds.describe_db_instances()["DBInstances"]}
        return found | {
            f"cluster:{one['DBClusterIdentifier']}": one for one in rds.describe_db_clusters()["DBClusters"]
        }

    def worked(
        self, runbook: str, kill: Kill | None = None, weather: dict[str, Any] | None = None, *, dark: bool = False
    ) -> tuple[list[Outcome], str]:
        """Carry a runbook out on a copy of everything, killed once if asked; returns how it ended and what is wrong."""
        control: Control = self.box.control.fork()
        cause = Cause(f"manual/{runbook}", self.box.control.now(), "manual", runbook)
        try:
            control.weather(**(weather or {}))
            if dark:
                control.disaster("az_dark", zone=self.dark)
            if kill:
                control.kill(*kill)
            outcomes = self.engines.run(control.url, [cause], self.settings)
            control.kill(None)
            if outcomes[0].killed:
                outcomes += self.engines.run(control.url, [cause], self.settings)
            self.truth.steering.url = control.url
            control.advance(600)
            wrong = self.not_restored() if runbook == "sweep-restore" else self.not_failed_over(control)
            ended = "" if outcomes[-1].state == "succeeded" else f"{outcomes[-1]}; "
            return outcomes, ended + wrong
        finally:
            self.truth.steering.url = self.box.url
            control.quit()

    def not_restored(self) -> str:
        """Return what is wrong: each is there once under its name, its old one is kept, all else stayed."""
        now, before = self.there(), self.before
        old = {_id(one): name for name, one in before.items()}
        made = {name: one for name, one in now.items() if _id(one) not in old}
        count = Counter(name.split("-lb")[0] for name in made)
        wrong = (
            [] if count == {"db:orders": 1, "cluster:events": 1, "db:events-1": 1, "db:events-2": 1} else [str(count)]
        )
        effects = [tag["Value"] for one in made.values() for tag in one["TagList"] if tag["Key"] == tags.EFFECT]
        wrong += [f"effects {effects}"] if len(set(effects)) != len(made) else []
        wrong += [f"{name} is {_status(one)}" for name, one in made.items() if _status(one) != "available"]
        kept = {old[_id(one)]: name for name, one in now.items() if _id(one) in old}
        wrong += [f"lost {sorted(before.keys() - kept.keys())}"] if before.keys() != kept.keys() else []
        moved = {name for name, called in kept.items() if called != name}
        wrong += [f"renamed {sorted(moved)}"] if moved != {"db:orders", "cluster:events"} else []
        writers = [m["DBInstanceIdentifier"] for m in now["cluster:events"]["DBClusterMembers"] if m["IsClusterWriter"]]
        wrong += [f"{writers} write"] if [one.split("-lb")[0] for one in writers] != ["events-1"] else []
        return "; ".join(wrong)

    def not_failed_over(self, control: Control) -> str:
        """Return what is wrong: each has left the zone, by one failover, and nothing else has moved."""
        now, before = self.there(), self.before
        writers = [m["DBInstanceIdentifier"] for m in now["cluster:events"]["DBClusterMembers"] if m["IsClusterWriter"]]
        wrong = [] if writers == ["events-2"] else [f"{writers} write"]
        wrong += ["orders has not moved"] if now["db:orders"]["AvailabilityZone"] == self.dark else []
        others = [name for name in before if name.startswith("db:") and name != "db:orders"]
        zone = "AvailabilityZone"
        wrong += [f"{name} has moved" for name in others if now[name][zone] != before[name][zone]]
        told = [each["event"]["detail"] for each in control.events() if each["event"].get("source") == "aws.rds"]
        begun = Counter(
            one["SourceIdentifier"] for one in told if one["EventID"] in {"RDS-EVENT-0013", "RDS-EVENT-0073"}
        )
        return "; ".join([*wrong, *([] if begun == {"orders": 1, "events": 1} else [f"failovers {dict(begun)}"])])


def _id(one: dict[str, Any]) -> str:
    return str(one.get("DbiResourceId") or one.get("DbClusterResourceId"))


def _status(one: dict[str, Any]) -> str:
    return str(one.get("DBInstanceStatus") or one.get("Status"))


@pytest.fixture(name="estate", scope="module")
def _estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    with Sandbox.start(seed=SEED, start=START.isoformat()) as box, Engines() as engines:
        yield Estate(box, engines, tmp_path_factory.mktemp("books"))


def swept(estate: Estate, runbook: str, when: str, *, dark: bool = False) -> None:
    """Kill at one call after the other, until a run ends unkilled."""
    killed, wrong = 0, list[str]()
    for at in sorted({at for shard in range(8) for at in sampled(when, shard)}):
        outcomes, said = estate.worked(runbook, (at, when), dark=dark)
        wrong += [f"{when} {at}: {said}"] if said else []
        if len(outcomes) == 1:
            break
        killed += 1
    else:
        wrong.append(f"no run ended within {FAR} calls")
    where = " in a dark zone" if dark else ""
    print(f"swept {runbook}{where} {when}: {killed} kills, {PERCENT} % with seed {SEED}, {len(wrong)} bad")  # noqa: T201
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("when", WHENS)
def test_a_restore_with_rename_killed_at_any_call_brings_each_back_once_and_keeps_the_old_ones(
    estate: Estate, when: str
) -> None:
    swept(estate, "sweep-restore", when)


@pytest.mark.parametrize("when", WHENS)
def test_a_failover_killed_at_any_call_happens_once(estate: Estate, when: str) -> None:
    swept(estate, "sweep-failover", when)


@pytest.mark.parametrize("when", WHENS)
def test_a_failover_out_of_a_dark_zone_killed_at_any_call_is_not_brought_back(estate: Estate, when: str) -> None:
    swept(estate, "sweep-failover", when, dark=True)


@pytest.mark.parametrize("seed", STORMS)
def test_storms_change_nothing_about_the_end_also_when_killed(estate: Estate, seed: int) -> None:
    for runbook in ("sweep-restore", "sweep-failover"):
        for kill in (None, (20 + seed, "after")):
            _, said = estate.worked(runbook, kill, {**STORM, "seed": seed})
            assert not said, f"{runbook} {kill}: {said}"
