"""What is really there in AWS and in the ledger, and what is wrong with it after a night."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.aws import tags
from chalicelib.domain.report import RunRecord, record_of
from chalicelib.domain.run import Run, RunState, StepState
from chalicelib.domain.runbook import Runbook
from chalicelib.errors import InputError
from chalicelib.stores.ledger import DynamoLedger
from chalicelib.stores.table import Table
from tests.sweep.steering import Truth

HOME, AWAY = "us-east-1", "us-west-2"
POLICY = "nightly"
OWN = (tags.EFFECT, tags.RUN, tags.POLICY, tags.SET, tags.SET_SIZE, tags.POINT, f"{tags.MANIFEST}0")
Snapshots = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Seen:
    """Everything that there is at one moment: snapshots by id in both Regions, volumes by id, runs."""

    home: Snapshots
    away: Snapshots
    volumes: dict[str, dict[str, Any]]
    runs: list[Run]


class Witness:
    """Sees the sandbox that it is pointed at as it really is."""

    def __init__(self) -> None:
        self.truth = Truth()
        self.ledger = DynamoLedger(Table(self.truth, HOME, "lifeboat"), HOME)

    def point(self, url: str) -> None:
        """Look at this sandbox from now on."""
        self.truth.steering.url = url

    def see(self) -> Seen:
        """Read everything."""
        volumes = self.truth.ec2(HOME).describe_volumes()["Volumes"]
        runs = self.ledger.list_runs(limit=100)
        return Seen(self._snapshots(HOME), self._snapshots(AWAY), {v["VolumeId"]: dict(v) for v in volumes}, runs)

    def record(self, run: Run, now: datetime) -> RunRecord:
        """Return the run's record, as people get it."""
        runbook = Runbook.model_validate(self.ledger.runbook(run.run_id))
        return record_of(run, runbook, self.ledger.steps(run.run_id), self.ledger.owed(run.run_id), now)

    def _snapshots(self, region: str) -> Snapshots:
        found = self.truth.ec2(region).describe_snapshots(OwnerIds=["self"])["Snapshots"]
        return {snapshot["SnapshotId"]: dict(snapshot) for snapshot in found}


@dataclass(frozen=True)
class Night:
    """One night's end, to be compared with what was there before it began."""

    before: Seen
    after: Seen
    run: Run
    protected: frozenset[str]
    key: str  # ARN of the key that the copies must be encrypted with

    def complaints(self) -> list[str]:
        """Return what is wrong with the points, a sentence each; empty when all is as it must be."""
        home, away = new(self.before.home, self.after.home), new(self.before.away, self.after.away)
        return [
            *_once("volume", self.protected, (s["VolumeId"] for s in home.values())),
            *_once("snapshot", frozenset(home), (tags.of(s).get(tags.SOURCE_SNAPSHOT, "?") for s in away.values())),
            *(said for s in home.values() for said in self._point(s, s["VolumeId"])),
            *(said for s in away.values() for said in self._copy(s, home)),
            *_sets(home, "set"),
            *_sets(away, "copied set"),
            *self._as_last_night(home),
            *_same("snapshot", self.before.home, self.after.home),
            *_same("copy", self.before.away, self.after.away),
            *_same("volume", self.before.volumes, self.after.volumes),
            *(f"a volume {one} appeared" for one in new(self.before.volumes, self.after.volumes)),
        ]

    def _point(self, snapshot: Mapping[str, Any], volume_id: str) -> list[str]:
        name, own = snapshot["SnapshotId"], tags.of(snapshot)
        wrong = [f"{name} lacks the tag {key}" for key in OWN if not own.get(key)]
        if snapshot["State"] != "completed":
            wrong.append(f"{name} is {snapshot['State']}")
        if (own.get(tags.RUN), own.get(tags.POLICY)) != (self.run.run_id, POLICY):
            wrong.append(f"{name} is of run {own.get(tags.RUN)} and policy {own.get(tags.POLICY)}")
        if snapshot["StartTime"] < self.run.started_at:
            wrong.append(f"{name} was begun before the run")
        if own.get("backup") != "nightly":
            wrong.append(f"{name} did not inherit its volume's tags")
        return wrong + _manifest(name, own, volume_id)

    def _copy(self, copy: Mapping[str, Any], home: Snapshots) -> list[str]:
        own = tags.of(copy)
        source = home.get(own.get(tags.SOURCE_SNAPSHOT, ""))
        if source is None:
            return [f"the copy {copy['SnapshotId']} is of none of tonight's snapshots"]
        wrong = self._point(copy, source["VolumeId"])
        if not copy["Encrypted"] or copy.get("KmsKeyId") != self.key:
            wrong.append(f"the copy {copy['SnapshotId']} is encrypted with {copy.get('KmsKeyId')}")
        theirs = tags.of(source)
        same = all(own.get(key) == theirs.get(key) for key in (tags.SET, tags.SET_SIZE, tags.POINT))
        return wrong if same else [*wrong, f"the copy {copy['SnapshotId']} tells another set or point than its source"]

    def _as_last_night(self, home: Snapshots) -> list[str]:
        tonight, last_night = _grouping(home), _grouping(self.before.home)
        return [] if tonight == last_night else [f"the sets {tonight} are not those of last night, {last_night}"]


def new(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is there now and was not before."""
    return {one: what for one, what in after.items() if one not in before}


def _once(what: str, wanted: frozenset[str], found: Iterable[str]) -> list[str]:
    counted = Counter(found)
    return [
        f"{what} {one} has {counted[one]} new ones instead of {int(one in wanted)}"
        for one in sorted(wanted | counted.keys())
        if counted[one] != int(one in wanted)
    ]


def _manifest(name: str, own: Mapping[str, str], volume_id: str) -> list[str]:
    try:
        manifest = tags.manifest_of(own)
    except InputError as error:
        return [f"{name}: {error.message}"]
    known = {volume.volume_id for volume in manifest.volumes} if manifest else set()
    return [] if volume_id in known else [f"the manifest of {name} does not tell of {volume_id}"]


def _sets(snapshots: Snapshots, what: str) -> list[str]:
    sizes: dict[str, list[int]] = {}
    for snapshot in snapshots.values():
        own = tags.of(snapshot)
        sizes.setdefault(own.get(tags.SET, "?"), []).append(tags.set_size(own))
    return [f"the {what} {name} has {len(s)} of {s[0]}" for name, s in sizes.items() if {len(s)} != set(s)]


def _grouping(snapshots: Snapshots) -> list[list[str]]:
    sets: dict[str, list[str]] = {}
    for snapshot in snapshots.values():
        sets.setdefault(tags.of(snapshot).get(tags.SET, "?"), []).append(snapshot["VolumeId"])
    return sorted(sorted(members) for members in sets.values())


def _same(what: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return [f"the {what} {one} of before is not what it was" for one in before if after.get(one) != before[one]]


def told_wrong(record: RunRecord, points: int, volumes: int) -> list[str]:
    """Return what is wrong with a record that must tell of so many points and volumes; empty when nothing is."""
    wrong = [] if record.state is RunState.SUCCEEDED else [f"the record says {record.state}: {record.message}"]
    wrong += [f"the run owes {name}" for name in record.owes]
    done = {"ebs.create_snapshots": points, "ebs.copy_snapshots": volumes, "check.recovery_points": 2 * volumes}
    for step in record.steps:
        if step.phase == "on_failure":
            wrong += [] if step.state is StepState.SKIPPED else [f"{step.id} ran although nothing failed"]
            continue
        wanted, counts = done.get(step.uses, 1), step.counts
        if step.state is not StepState.SUCCEEDED or step.failures or counts.failed:
            wrong.append(f"{step.id} says {step.state}, {counts}, {step.failures}")
        if (counts.planned, counts.done) != (wanted, wanted):
            wrong.append(f"{step.id} counts {counts.done} of {counts.planned} done instead of {wanted}")
        if not step.uses.startswith("check.") and counts.applied + counts.adopted != wanted:
            wrong.append(f"{step.id} counts {counts.applied} applied and {counts.adopted} adopted, not {wanted} in all")
    return wrong
