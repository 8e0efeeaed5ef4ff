"""`lifeboat plan --as-commands`: what a person types when Lifeboat itself cannot run."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from botocore.validate import validate_parameters

from chalicelib.cli.by_hand import in_order
from chalicelib.domain.change import Change, ChangeKind
from tests.unit.cli.conftest import Lifeboat


def commands_in(text: str) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Yield service, operation, Region and parameters of every command, as a shell would read them."""
    for line in text.splitlines():
        if line.startswith("aws "):
            _, service, operation, _, region, _, given = shlex.split(line)
            yield service, operation, region, json.loads(given)


@pytest.mark.usefixtures("box")
def test_every_change_has_its_command_and_aws_knows_its_parameters(lifeboat: Lifeboat) -> None:
    plan = lifeboat("plan", "nightly-backup", "--sandbox", "--json").document
    script = lifeboat("plan", "nightly-backup", "--sandbox", "--as-commands").out
    found = list(commands_in(script))
    assert len(found) == sum(len(step["changes"]) for step in plan["steps"] if step["phase"] != "on_failure")
    assert {operation for _, operation, _, _ in found} == {
        "create-snapshots",
        "create-snapshot",
        "copy-snapshot",
        "publish",
    }
    session = botocore.session.get_session()
    for service, operation, _, given in found:
        model = session.get_service_model(service)
        [name] = [each for each in model.operation_names if xform_name(each, "-") == operation]
        shape = model.operation_model(name).input_shape
        assert shape is not None
        validate_parameters(given, shape)


@pytest.mark.usefixtures("box")
def test_a_copy_says_what_to_wait_for_and_leaves_open_what_is_not_known(lifeboat: Lifeboat) -> None:
    script = lifeboat("plan", "nightly-backup", "--sandbox", "--as-commands").out
    assert "# wait until snapshots/" in script
    [first, *_] = [given for _, operation, _, given in commands_in(script) if operation == "copy-snapshot"]
    assert first["SourceSnapshotId"].startswith("<snapshot of vol-")


@pytest.mark.usefixtures("box")
def test_steps_that_only_look_are_told_without_a_command(lifeboat: Lifeboat, books: str) -> None:
    script = lifeboat("plan", "backup", "--sandbox", "--as-commands", "--runbooks", books).out
    assert "# --- verify-1 (check.recovery_points): checked later" in script


@pytest.mark.usefixtures("box")
def test_what_cannot_be_done_is_told(lifeboat: Lifeboat, tmp_path: Path) -> None:
    (tmp_path / "refused.yaml").write_text(
        "version: 1\nname: refused\nguard: {regions: [eu-west-1]}\nsteps:\n"
        "  - {id: points, uses: ebs.create_snapshots, with: {select: {tags: {backup: nightly}}, policy: p}}\n"
    )
    ended = lifeboat("plan", "refused", "--sandbox", "--as-commands", "--runbooks", str(tmp_path))
    assert ended.code == 3
    assert "# --- points (ebs.create_snapshots): refused" in ended.out
    assert not list(commands_in(ended.out))


def test_what_is_needed_comes_first_and_a_circle_is_still_shown() -> None:
    def change(key: str, *after: str) -> Change:
        return Change(
            key=key, kind=ChangeKind.CREATE, resource=key, region="us-east-1", reason="", after=tuple(after), order=key
        )

    assert [c.key for c in in_order([change("a", "s/b"), change("b", "other/x")], "s")] == ["b", "a"]
    assert {c.key for c in in_order([change("a", "s/b"), change("b", "s/a")], "s")} == {"a", "b"}
