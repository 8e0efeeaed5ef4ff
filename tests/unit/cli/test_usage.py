"""Wrong usage, exit codes by class of error, and how quickly the command answers."""

from __future__ import annotations

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


def test_aws_that_cannot_be_used_at_all_is_told_without_a_traceback(lifeboat: Lifeboat) -> None:
    import os

    os.environ["AWS_PROFILE"] = "nobody-has-this-profile"
    ended = lifeboat("runs", "list", "--json")
    assert ended.code == 1
    assert "nobody-has-this-profile" in ended.document["error"]["message"]
