"""The command line on a fork of one small sandbox per module, as a script would use it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from chalicelib.cli.main import app
from chalicelib.sandbox.client import Control
from tests.shared_box import with_estate

BOOK = """\
version: 1
name: {name}
inputs:
  tier: {{type: string, default: nightly}}
guard: {{regions: [us-east-1], max_targets: {max_targets}}}
steps:
  - id: snapshots
    uses: ebs.create_snapshots
    with: {{select: {{tags: {{backup: "${{{{ inputs.tier }}}}"}}}}, policy: test}}
verify:
  - uses: check.recovery_points
    with: {{select: {{tags: {{backup: "${{{{ inputs.tier }}}}"}}}}, since: run.start}}
"""


@dataclass
class Ended:
    """What a command left: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


Lifeboat = Callable[..., Ended]


def invoke(*arguments: str) -> Ended:
    result = CliRunner().invoke(app, list(arguments))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ended(result.exit_code, result.stdout, result.stderr)


@pytest.fixture(name="lifeboat")
def _lifeboat() -> Lifeboat:
    return invoke


def _small(control: Control) -> dict[str, Any]:
    return control.estate("small")


@pytest.fixture(scope="session")
def small() -> Iterator[Control]:
    """A sandbox with the estate `small`; tests work on forks of it."""
    with with_estate(_small) as (control, _):
        yield control


@pytest.fixture(name="box")
def _box(small: Control) -> Iterator[Control]:
    """A fork that `--sandbox` works on."""
    fork = small.fork()
    os.environ["LIFEBOAT_SANDBOX_URL"] = fork.url
    yield fork
    fork.quit()


@pytest.fixture(name="books")
def _books(tmp_path: Path) -> str:
    """A directory with the runbooks `backup` and `cautious`, whose guard allows one volume only."""
    (tmp_path / "backup.yaml").write_text(BOOK.format(name="backup", max_targets=100))
    (tmp_path / "cautious.yaml").write_text(BOOK.format(name="cautious", max_targets=1))
    return str(tmp_path)


def snapshots(box: Control) -> list[Any]:
    """Return the snapshots there really are."""
    found: list[Any] = box.witness("ec2").describe_snapshots(OwnerIds=["self"])["Snapshots"]
    return found
