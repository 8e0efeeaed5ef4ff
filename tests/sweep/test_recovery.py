"""Instances of a dark zone are brought back, killed at each AWS call and started again; and in storms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.aws import tags
from chalicelib.sandbox.client import Control
from chalicelib.sandbox.process import Sandbox
from chalicelib.stores.creation import create_table
from tests.scenarios.recovery import BACKUP, DARK, HEALTHY, book, launch
from tests.sweep.engines import Cause, Engines, Outcome
from tests.sweep.plan import FAR, PERCENT, SEED, SHARDS, WHENS, sampled
from tests.sweep.steering import Truth

pytestmark = pytest.mark.sweep
HOME = "us-east-1"
LOST = ("web-1", "db-1", "db-2")
VOLUMES = 5  # that stand in for others: both of web-1 and db-1, one of db-2; what two share is not restored with them
STORM = {"throttle_share": 0.3, "throttle_reads_share": 0.1, "lost_answer_share": 0.15, "visibility_s": 60}
STORMS = range(1, 1 + max(1, 12 * PERCENT // 100))


class Estate:
    """A sandbox with last night's points whose first zone is dark, and engines that work on it."""

    def __init__(self, box: Sandbox, engines: Engines) -> None:
        self.box, self.engines, self.truth = box, engines, Truth()
        self.truth.steering.url = box.url
        self.estate: dict[str, Any] = box.control.estate("small")
        self.front = box.control.estate("front")
        ec2 = self.truth.ec2(HOME)
        self.address = ec2.allocate_address(Domain="vpc")["AllocationId"]
        ec2.associate_address(AllocationId=self.address, InstanceId=self.named("web-1"))
        create_table(self.truth, HOME, "lifeboat", lambda _seconds: None)
        box.control.settle()
        [made] = engines.run(box.url, [self.cause(BACKUP, "night")])
        assert made.state == "succeeded", made
        box.control.advance(3600)
        box.control.settle()
        box.control.disaster("az_dark", zone=DARK)
        box.control.advance(120)
        self.machines = {one["InstanceId"]: one["State"]["Name"] for one in self.instances()}
        self.disks = {one["VolumeId"] for one in self.volumes()}

    def named(self, name: str) -> str:
        return str(self.estate["names"][name])

    def cause(self, step: dict[str, Any], key: str) -> Cause:
        made = book(step).model_dump(mode="json", by_alias=True)
        return Cause(key, self.box.control.now(), "manual", "recover", book=made)

    def instances(self) -> list[Any]:
        groups = self.truth.ec2(HOME).describe_instances()["Reservations"]
        return [one for group in groups for one in group["Instances"]]

    def volumes(self) -> list[Any]:
        return list(self.truth.ec2(HOME).describe_volumes()["Volumes"])

    def recovered(self, kill: tuple[int, str] | None, weather: dict[str, Any]) -> tuple[list[Outcome], list[str]]:
        """Bring everything back on a copy, killed once if asked; tell how it ended and what is wrong."""
        control: Control = self.box.control.fork()
        cause = self.cause(launch(), "dark")
        try:
            control.weather(**weather)
            if kill:
                control.kill(*kill)
            outcomes = self.engines.run(control.url, [cause])
            control.kill(None)
            if outcomes[0].killed:
                outcomes += self.engines.run(control.url, [cause])
            control.settle()
            self.truth.steering.url = control.url
            wrong = [] if outcomes[-1].state == "succeeded" else [f"the run ended so: {outcomes[-1]}"]
            if control.faults().get("zone_dark"):
                wrong.append("a call went to the dark zone")
            return outcomes, [*wrong, *self.wrong()]
        finally:
            self.truth.steering.url = self.box.url
            control.quit()

    def wrong(self) -> list[str]:
        """Return what is not as it must be in AWS, a sentence each."""
        every, disks = self.instances(), self.volumes()
        made = [one for one in every if one["InstanceId"] not in self.machines]
        count = Counter(tags.of(one).get(tags.RESTORED) for one in made)
        wrong = [] if count == Counter(map(self.named, LOST)) else [f"replacements: {dict(count)}"]
        wrong += [f"{one['InstanceId']} is {one['State']['Name']}" for one in made if one["State"]["Name"] != "running"]
        zones = {one["Placement"]["AvailabilityZoneId"] for one in made}
        wrong += [f"they are in {zones}"] if zones != {HEALTHY} else []
        now = {one["InstanceId"]: one["State"]["Name"] for one in every if one["InstanceId"] in self.machines}
        wrong += [f"an old instance changed: {now}"] if now != self.machines else []
        new = [one for one in disks if one["VolumeId"] not in self.disks]
        stand = Counter(tags.of(one).get(tags.RESTORED) for one in new)
        wrong += [f"volumes: {dict(stand)}"] if len(new) != VOLUMES or max(stand.values()) > 1 else []
        wrong += [
            f"{one['VolumeId']} is attached {len(one['Attachments'])} times"
            for one in new
            if len(one["Attachments"]) != 1
        ]
        wrong += [] if self.disks <= {one["VolumeId"] for one in disks} else ["an old volume is gone"]
        images = self.truth.ec2(HOME).describe_images(Owners=["self"])["Images"]
        wrong += [f"{len(images)} images"] if len(images) != len(LOST) else []
        return [*wrong, *self._not_moved(made)]

    def _not_moved(self, made: list[Any]) -> list[str]:
        [web] = [one["InstanceId"] for one in made if tags.of(one).get(tags.RESTORED) == self.named("web-1")][:1] or [
            ""
        ]
        [address] = self.truth.ec2(HOME).describe_addresses(AllocationIds=[self.address])["Addresses"]
        group = self.front["target_groups"]["shop-web"]
        told = self.truth.client("elbv2", HOME).describe_target_health(TargetGroupArn=group)
        there = {
            t["Target"]["Id"] for t in told["TargetHealthDescriptions"] if t["TargetHealth"]["State"] != "draining"
        }
        wrong = [] if address.get("InstanceId") == web else [f"the address is with {address.get('InstanceId')}"]
        return wrong if there == {web, self.named("web-2")} else [*wrong, f"targets: {there}"]


@pytest.fixture(name="estate", scope="module")
def _estate() -> Iterator[Estate]:
    with Sandbox.start(seed=SEED) as box, Engines() as engines:
        yield Estate(box, engines)


@pytest.mark.parametrize("when", WHENS)
def test_a_recovery_killed_at_any_call_makes_one_replacement_of_each_and_attaches_nothing_twice(
    estate: Estate, when: str
) -> None:
    killed, wrong = 0, list[str]()
    for at in sorted({at for shard in range(SHARDS) for at in sampled(when, shard)}):
        outcomes, said = estate.recovered((at, when), {})
        wrong += [f"{when} {at}: {'; '.join(said)}"] if said else []
        if len(outcomes) == 1:
            break
        killed += 1
    else:
        wrong.append(f"no run ended within {FAR} calls")
    print(f"swept recovery {when}: {killed} kills, {PERCENT} % with seed {SEED}, {len(wrong)} bad")  # noqa: T201
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("seed", STORMS)
def test_a_storm_over_a_recovery_changes_nothing_about_its_end_also_when_killed(estate: Estate, seed: int) -> None:
    for kill in (None, (30 + seed, "after"), (60 + seed, "before")):
        _, wrong = estate.recovered(kill, {**STORM, "seed": seed})
        assert not wrong, f"{kill}: {'; '.join(wrong)}"
