"""SIGKILL of the client right before or after a call takes effect; forks of the whole AWS; how processes end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from botocore.exceptions import ConnectionClosedError

from chalicelib.sandbox.httpd import alive

World = Any  # see conftest.py
ROOT = Path(__file__).resolve().parents[3]
CLIENT = """
import sys, boto3, botocore.session
from chalicelib.sandbox.client import VirtualClock, attach
url, volumes = sys.argv[1], sys.argv[2:]
inner = botocore.session.Session()
inner.set_credentials("test", "test")
attach(inner, VirtualClock(url))
ec2 = boto3.Session(botocore_session=inner).client("ec2", endpoint_url=url, region_name="us-east-1")
sns = boto3.Session(botocore_session=inner).client("sns", endpoint_url=url, region_name="us-east-1")
sns.list_topics()
for volume in volumes:
    ec2.create_snapshot(VolumeId=volume)
print("done")
"""


def run_client(world: World) -> tuple[int, str]:
    volumes = [world.named(name) for name in ("web-1/sdf", "web-2/sdf", "archive")]
    command = [sys.executable, "-c", CLIENT, world.control.url, *volumes]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    return ran.returncode, ran.stdout.strip()


@pytest.mark.parametrize(("when", "made"), [("before", 1), ("after", 2)])
def test_a_client_is_killed_at_its_kth_call_and_aws_lives_on(world: World, when: str, made: int) -> None:
    world.control.kill(3, when)
    assert run_client(world) == (-signal.SIGKILL, "")
    assert len(world.truth.describe_snapshots()["Snapshots"]) == made
    assert world.control.faults()[f"killed_{when}"] == 1
    assert world.control.weather()["kill"] is None


def test_a_client_is_killed_also_when_its_call_was_refused(world: World) -> None:
    world.control.weather(throttle_share=1)
    world.control.kill(2, "after")
    assert run_client(world) == (-signal.SIGKILL, "")


def test_a_kill_beyond_the_last_call_kills_nobody_and_can_be_taken_back(world: World) -> None:
    world.control.kill(5)
    assert run_client(world) == (0, "done")
    world.control.kill(None)
    assert world.control.weather()["kill"] is None


def test_a_fork_has_the_same_past_and_another_future(world: World) -> None:
    world.control.weather(latency_s=0.5)
    made = world.snapshot()
    fork = world.control.fork()
    theirs = fork.witness("ec2")
    assert (fork.now(), fork.weather()) == (world.control.now(), world.control.weather())
    assert [s["SnapshotId"] for s in theirs.describe_snapshots()["Snapshots"]] == [made]
    theirs.delete_snapshot(SnapshotId=made)
    fork.advance(100)
    assert world.look(made)["State"] == "completed"
    assert fork.now() > world.control.now()
    fork.quit()


def test_forks_of_the_same_moment_make_the_same_ids(world: World) -> None:
    made = []
    for _ in range(2):
        fork = world.control.fork()
        made.append(fork.witness("ec2").create_snapshot(VolumeId=world.named("archive"))["SnapshotId"])
        fork.quit()
    assert made[0] == made[1]


def test_a_fork_ends_when_told(world: World) -> None:
    fork = world.control.fork()
    fork.now()
    fork.quit()
    assert gone(fork.url)


def gone(url: str) -> bool:
    for _ in range(100):
        try:
            with urlopen(url + "/lifeboat/now", timeout=5):  # noqa: S310 - our own server
                time.sleep(0.05)
        except (URLError, OSError):
            return True
    return False


def test_a_fork_ends_with_what_it_was_forked_from(world: World) -> None:
    parent = world.control.fork()
    child = parent.fork()
    child.now()
    parent.quit()
    assert gone(child.url)


PARENT = """
import subprocess, sys, time
server = subprocess.Popen([sys.executable, "-m", "chalicelib.sandbox.server"], stdout=subprocess.PIPE, text=True)
print(server.stdout.readline(), flush=True)
time.sleep(60)
"""


def test_a_server_ends_with_its_parent() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    ready = json.loads(parent.stdout.readline())
    assert set(ready) == {"url", "pid"}
    assert ready["url"].startswith("http://127.0.0.1:")
    parent.kill()
    parent.wait()
    parent.stdout.close()
    for _ in range(100):
        if not alive(ready["pid"]):
            return
        time.sleep(0.05)
    pytest.fail("the server outlived its parent")


def test_a_dropped_connection_is_dropped_even_while_a_fork_lives(world: World) -> None:
    world.ec2.describe_volumes()
    fork = world.control.fork()
    fork.now()
    world.control.weather(lost_answer_share=1)
    began = time.perf_counter()
    with pytest.raises(ConnectionClosedError):
        world.ec2.create_snapshot(VolumeId=world.named("archive"))
    assert time.perf_counter() - began < 20  # the client would wait a minute for an answer
    fork.quit()
