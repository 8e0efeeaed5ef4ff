"""A zone goes dark: its stateful instances are brought back in another one, once, and the old ones are fenced."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.sandbox.client import Control
from tests.scenarios.conftest import Stage, step
from tests.scenarios.recovery import (
    HEALTHY,
    backed_up,
    book,
    go_dark,
    instances,
    launch,
    made_for,
    on_a_copy,
    volumes,
)


@pytest.fixture(name="morning", scope="module")
def _morning() -> Iterator[tuple[Control, dict[str, Any]]]:
    with backed_up() as prepared:
        yield prepared


@pytest.fixture(name="stage")
def _stage(morning: tuple[Control, dict[str, Any]]) -> Iterator[Stage]:
    with on_a_copy(morning) as stage:
        yield stage


def test_the_instances_of_a_dark_zone_run_elsewhere_with_their_volumes_of_last_night(stage: Stage) -> None:
    names, before = stage.estate["names"], volumes(stage)
    go_dark(stage)
    found = stage.run(book(launch()))
    assert found.state == "succeeded", step(found, "instances")
    every = instances(stage)
    for name in ("web-1", "db-1", "db-2"):
        old, [new] = every[names[name]], made_for(stage, names[name])
        assert new["State"]["Name"] == "running"
        assert new["Placement"]["AvailabilityZoneId"] == HEALTHY
        assert (new["InstanceType"], new["IamInstanceProfile"]["Arn"]) == (
            old["InstanceType"],
            old["IamInstanceProfile"]["Arn"],
        )
        assert [g["GroupId"] for g in new["SecurityGroups"]] == [g["GroupId"] for g in old["SecurityGroups"]]
        assert new["tags"]["Name"] == name
        assert old["State"]["Name"] == "running"  # nothing reaches it
    disks = {b["DeviceName"]: b["Ebs"]["VolumeId"] for b in made_for(stage, names["db-1"])[0]["BlockDeviceMappings"]}
    after = volumes(stage)
    assert set(disks) == {"/dev/xvda", "/dev/sdf"}  # /dev/sdg is shared with another instance
    for device, old_id in (("/dev/xvda", names["db-1/xvda"]), ("/dev/sdf", names["db-1/sdf"])):
        new, old = after[disks[device]], before[old_id]
        facts = ("VolumeType", "Size", "Iops", "Encrypted", "KmsKeyId", "Throughput")
        assert {k: new.get(k) for k in facts} == {k: old.get(k) for k in facts}
        assert (new["tags"]["lifeboat:restored"], new["tags"]["backup"]) == (old_id, "nightly")
    assert set(before) <= set(after)  # old volumes are kept
