"""Every action says what it needs and does, is documented, and is used."""

from __future__ import annotations

import inspect

import pytest

from chalicelib.actions.base import Action
from chalicelib.actions.registry import ACTIONS, INTERNAL
from tests.architecture.house import ROOT, files_of_tests, text_of

EVERY = {**ACTIONS, **INTERNAL}
CALLS_NOTHING = {"ask.approval", "check.endpoint"}
every_action = pytest.mark.parametrize("name", sorted(EVERY))
in_runbooks = pytest.mark.parametrize("name", sorted(ACTIONS))


@every_action
def test_an_action_names_the_permissions_that_it_needs(name: str) -> None:
    permissions = EVERY[name].permissions
    assert bool(permissions) is (name not in CALLS_NOTHING)
    assert [each for each in permissions if each.count(":") != 1 or "*" in each] == []
    assert len(set(permissions)) == len(permissions)


@every_action
def test_an_action_tells_what_it_does_and_in_which_units(name: str) -> None:
    words = inspect.cleandoc(type(EVERY[name]).__doc__ or "")
    assert words.splitlines()[0].endswith(".")
    assert any(unit in words for unit in ("GiB", "seconds", "No quantities")), "say units, or `No quantities`"


@every_action
def test_an_action_tells_which_calls_it_makes(name: str) -> None:
    assert EVERY[name].calls


def test_no_name_stands_for_two_actions() -> None:
    assert set(ACTIONS) & set(INTERNAL) == set()


@in_runbooks
def test_an_action_has_its_chapter(name: str) -> None:
    assert f"\n## {name}\n" in text_of(ROOT / "docs" / "actions.md")


@every_action
def test_an_action_is_used_by_a_runbook_or_a_test(name: str) -> None:
    shipped = [text_of(file) for file in sorted((ROOT / "runbooks").glob("*.yaml"))]
    tried = [text_of(file) for file in files_of_tests() if "architecture" not in file.parts]
    assert any(f"uses: {name}\n" in text for text in shipped) or any(f'"{name}"' in text for text in tried)


@every_action
def test_what_hurts_is_read_again_immediately_before(name: str) -> None:
    """An action whose name says that it hurts must look at its premise in the same slice."""
    action = EVERY[name]
    hurts = any(word in name for word in ("delete", "expire", "terminate", "stop", "restore", "rotate", "detach"))
    assert not (hurts and isinstance(action, Action) and action.review_every_s != 0)


@every_action
def test_what_changes_aws_can_be_done_by_hand(name: str) -> None:
    """`lifeboat plan --as-commands` must know the calls of whatever may write."""
    action = EVERY[name]
    writes = [each for each in action.permissions if not each.partition(":")[2].startswith(("Describe", "List", "Get"))]
    if isinstance(action, Action) and writes:
        assert type(action).calls_for is not Action.calls_for
