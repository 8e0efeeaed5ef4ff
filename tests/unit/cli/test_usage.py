"""Wrong usage, exit codes by class of error, and how quickly the command answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from chalicelib.cli import endings
from chalicelib.errors import ActionError, InputError, LifeboatError, RefusedError, StoreError, SupersededError
from tests.unit.cli.conftest import Lifeboat


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["run", "backup"], "usage.where"),
        (["run", "backup", "--local", "--sandbox"], "usage.where"),
        (["run", "backup", "--local"], "usage.yes"),
        (["run", "backup", "--sandbox", "--input", "tier"], "usage.input"),
        (["run", "backup", "--sandbox", "--input", "tier=a", "--input", "tier=b"], "usage.input"),
        (["run", "backup", "--sandbox", "--key", " "], "usage.key"),
        (["run", "backup", "--sandbox", "--key", "k" * 201], "usage.key"),
        (["run", "backup", "--nonsense"], "usage.options"),
    ],
)
def test_wrong_usage_ends_with_2_and_is_one_document(lifeboat: Lifeboat, arguments: list[str], code: str) -> None:
    ended = lifeboat(*arguments, "--json")
    assert ended.code == 2
    assert ended.document["error"]["code"] == code
    assert ended.document["error"]["message"] in ended.err or code == "usage.options"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("input.invalid", "no"), 2),
        (StoreError("runbook.unreadable", "no"), 2),
        (RefusedError("run.held", "no"), 3),
        (ActionError("action.refused", "no"), 1),
        (StoreError("store.unavailable", "no"), 1),
        (SupersededError("run.superseded", "no"), 1),
        (LifeboatError("run.interrupted", "no"), 130),
    ],
)
def test_each_class_of_error_has_its_exit_code(error: LifeboatError, code: int) -> None:
    assert endings.code_for(error) == code


def test_help_imports_neither_boto3_nor_pydantic() -> None:
    script = (
        "import sys\n"
        "from chalicelib.cli.main import app\n"
        "app(['--help'], standalone_mode=False)\n"
        "assert not {'boto3', 'botocore', 'pydantic', 'moto'} & set(sys.modules), 'heavy'"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "validate" in done.stdout


@pytest.mark.parametrize("arguments", [["runs", "list"], ["run", "backup", "--local", "--yes", "--create-ledger"]])
def test_aws_that_cannot_be_used_at_all_is_told_without_a_traceback(lifeboat: Lifeboat, arguments: list[str]) -> None:
    os.environ["AWS_PROFILE"] = "nobody-has-this-profile"
    ended = lifeboat(*arguments, "--json")
    assert ended.code == 1
    assert "nobody-has-this-profile" in ended.document["error"]["message"]


def test_a_sandbox_that_is_gone_is_told_with_where_it_was_looked_for(lifeboat: Lifeboat) -> None:
    os.environ["LIFEBOAT_SANDBOX_URL"] = "http://127.0.0.1:9"
    ended = lifeboat("plan", "nightly-backup", "--sandbox", "--json")
    assert ended.code == 2
    assert ended.document["error"]["code"] == "sandbox.unreachable"
    assert "http://127.0.0.1:9" in ended.err


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("LIFEBOAT_PACE__POLL_MIN_S", "soon", "LIFEBOAT_PACE__POLL_MIN_S"),
        ("AWS_REGION", "mars", "'mars' is not a Region"),
    ],
)
def test_a_setting_that_cannot_be_is_named(lifeboat: Lifeboat, variable: str, value: str, said: str) -> None:
    os.environ[variable] = value
    ended = lifeboat("runs", "list", "--json")
    assert ended.code == 2
    assert ended.document["error"]["code"] == "settings.invalid"
    assert said in ended.document["error"]["message"]


def test_without_a_region_the_ways_to_say_one_are_named(lifeboat: Lifeboat) -> None:
    del os.environ["AWS_DEFAULT_REGION"]
    ended = lifeboat("plan", "nightly-backup", "--local")
    assert ended.code == 2
    assert "--region" in ended.err


def test_an_interruption_outside_a_run_ends_with_130() -> None:
    script = (
        "import typer, sys\n"
        "from chalicelib.cli.main import app\n"
        "@app.command('hang')\n"
        "def hang(as_json: bool = typer.Option(False, '--json')) -> None:\n"
        "    raise KeyboardInterrupt\n"
        "app()"
    )
    done = subprocess.run([sys.executable, "-c", script, "hang", "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 130
    assert json.loads(done.stdout)["error"]["code"] == "run.interrupted"
    assert "Traceback" not in done.stderr
