"""`lifeboat run`: what it does, what it prints, and each of its exit codes."""

from __future__ import annotations

import contextlib
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from chalicelib.cli.run import fresh_key
from chalicelib.cli.schema import Subject, schema_of
from chalicelib.sandbox.client import Control
from chalicelib.sandbox.process import Sandbox
from chalicelib.stores.creation import table_keys
from tests.fakes import START
from tests.unit.cli.conftest import Ended, Lifeboat, snapshots

pytestmark = pytest.mark.usefixtures("box")
COMMAND = [sys.executable, "-c", "from chalicelib.cli.main import main; main()"]


@pytest.fixture(name="carry_out")
def _carry_out(lifeboat: Lifeboat, books: str) -> Lifeboat:
    """Run a runbook of the test's own on the sandbox."""
    return lambda *arguments: lifeboat("run", *arguments, "--sandbox", "--runbooks", books)


def protected(box: Control) -> set[str]:
    chosen: Any = [{"Name": "tag:backup", "Values": ["nightly"]}]
    return {volume["VolumeId"] for volume in box.witness("ec2").describe_volumes(Filters=chosen)["Volumes"]}


def test_a_run_that_succeeds_ends_with_0_and_has_made_each_snapshot_once(carry_out: Lifeboat, box: Control) -> None:
    ended = carry_out("backup", "--key", "k1")
    assert ended.code == 0
    assert sorted(each["VolumeId"] for each in snapshots(box)) == sorted(protected(box))
    assert "state    succeeded" in ended.out
    assert "key k1" in ended.err


def test_the_document_is_alone_on_stdout_and_fits_its_schema(carry_out: Lifeboat) -> None:
    ended = carry_out("backup", "--json", "--key", "k1")
    jsonschema.Draft202012Validator(schema_of(Subject.RUN_RECORD)).validate(ended.document)
    assert ended.document["state"] == "succeeded"
    assert ended.document["key"] == "k1"
    assert "snapshots succeeded" in ended.err


def test_the_same_key_again_reports_the_finished_run_and_makes_nothing(carry_out: Lifeboat, box: Control) -> None:
    first = carry_out("backup", "--key", "k1", "--json")
    made = snapshots(box)
    again = carry_out("backup", "--key", "k1", "--json")
    assert again.code == 0
    assert again.document == first.document
    assert snapshots(box) == made
    assert "nothing is done again" in again.err


def test_the_same_key_with_other_inputs_is_refused_with_3(carry_out: Lifeboat) -> None:
    carry_out("backup", "--key", "k1")
    other = carry_out("backup", "--key", "k1", "--input", "tier=hourly", "--json")
    assert other.code == 3
    assert other.document["error"]["code"] == "run.key_reused"


def test_without_a_key_each_run_is_another_and_its_key_is_told(carry_out: Lifeboat) -> None:
    first, second = (carry_out("backup", "--json") for _ in range(2))
    assert first.document["run_id"] != second.document["run_id"]
    assert f"key {first.document['key']}" in first.err


def test_two_runs_that_begin_at_the_same_moment_have_keys_of_their_own() -> None:
    assert len({fresh_key(START) for _ in range(20)}) == 20


def test_a_run_that_fails_ends_with_1_and_names_what_failed(carry_out: Lifeboat, box: Control) -> None:
    victim = min(protected(box))
    box.weather(fail_snapshots=[victim])
    ended = carry_out("backup")
    assert ended.code == 1
    assert victim in ended.out
    assert "partial" in ended.out


def test_a_selector_that_selects_nothing_fails_the_run_with_what_to_do(carry_out: Lifeboat) -> None:
    ended = carry_out("backup", "--input", "tier=hourly", "--json")
    assert ended.code == 1
    [step] = [each for each in ended.document["steps"] if each["id"] == "snapshots"]
    assert step["state"] == "failed"
    assert "hourly" in step["message"]


def test_a_run_that_the_guard_refuses_ends_with_3(carry_out: Lifeboat, box: Control) -> None:
    ended = carry_out("cautious")
    assert ended.code == 3
    assert "guard.max_targets" in ended.out
    assert snapshots(box) == []


def test_a_runbook_that_is_not_valid_ends_with_2(lifeboat: Lifeboat, books: str) -> None:
    Path(books, "broken.yaml").write_text("version: 1\nname: broken\nsteps: []\n")
    ended = lifeboat("run", "broken", "--sandbox", "--runbooks", books, "--json")
    assert ended.code == 2
    assert ended.document["error"]["code"] == "runbook.invalid"
    assert ended.document["error"]["details"]["problems"]


def test_an_interrupted_run_ends_with_130_and_the_same_key_completes_it(
    carry_out: Lifeboat, box: Control, books: str
) -> None:
    command = [*COMMAND, "run", "backup", "--sandbox", "--runbooks", books, "--key", "k1", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    while "snapshots running" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    interrupted = Ended(process.returncode, out, err)
    assert interrupted.code == 130
    assert interrupted.document["error"]["code"] == "run.interrupted"
    assert "--key k1" in interrupted.err
    assert "Traceback" not in interrupted.err

    continued = carry_out("backup", "--key", "k1", "--json")
    assert continued.code == 0
    assert continued.document["generation"] == 2
    assert sorted(each["VolumeId"] for each in snapshots(box)) == sorted(protected(box))


def test_a_person_sees_the_plan_and_may_say_no(box: Control, books: str) -> None:
    os.environ |= {"AWS_ENDPOINT_URL": box.url, "COLUMNS": "100"}
    make_ledger(box)
    person, terminal = pty.openpty()
    command = [*COMMAND, "run", "backup", "--local", "--runbooks", books]
    process = subprocess.Popen(command, stdin=terminal, stdout=subprocess.PIPE, stderr=terminal)
    os.close(terminal)
    os.write(person, b"n\n")
    out, _ = process.communicate(timeout=60)
    shown = everything_on(person)
    assert process.returncode == 3
    assert "One crash-consistent set of" in shown
    assert "Carry it out?" in shown
    assert "Nothing was started." in shown
    assert out == b""
    assert snapshots(box) == []


def make_ledger(box: Control) -> None:
    box.witness("dynamodb").create_table(TableName="lifeboat", BillingMode="PAY_PER_REQUEST", **table_keys())


def everything_on(person: int) -> str:
    """Read a terminal until nobody writes on it any more."""
    said = b""
    with contextlib.suppress(OSError):
        while more := os.read(person, 65536):
            said += more
    os.close(person)
    return said.decode()


def test_a_run_on_an_aws_of_ones_own_makes_its_ledger_when_told_to(lifeboat: Lifeboat, books: str) -> None:
    with Sandbox.start(weather=False) as box:  # plain moto: nothing takes time, so real time is short
        box.control.estate("small")
        os.environ |= {"AWS_ENDPOINT_URL": box.url, "LIFEBOAT_PACE__POLL_MIN_S": "1", "LIFEBOAT_PACE__POLL_MAX_S": "1"}
        arguments = ["run", "backup", "--local", "--yes", "--runbooks", books, "--key", "k1", "--json"]
        without = lifeboat(*arguments)
        assert without.code == 1
        assert without.document["error"]["code"] == "store.no_table"
        assert "--create-ledger" in without.err
        ended = lifeboat(*arguments, "--create-ledger")
        assert ended.code == 0
        assert ended.document["state"] == "succeeded"
