"""The closed list of actions, and what each must have."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.actions.base import Action, Check
from chalicelib.actions.registry import ACTIONS, find, signatures
from chalicelib.errors import InputError

EACH = sorted(ACTIONS)


def test_actions_are_found_by_name() -> None:
    assert find("ebs.copy_snapshots").name == "ebs.copy_snapshots"


@pytest.mark.parametrize(
    ("name", "hint"),
    [("ebs.create_snapshot", "did you mean 'ebs.create_snapshots'?"), ("x", "there are asg.evacuate_zone, ")],
)
def test_an_unknown_action_is_answered_with_what_there_is(name: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        find(name)
    assert caught.value.code == "action.unknown"
    assert hint in caught.value.message


def test_nobody_can_add_to_the_list() -> None:
    with pytest.raises(TypeError):
        ACTIONS["x"] = find("notify.send")  # type: ignore[index]


@pytest.mark.parametrize("name", EACH)
def test_an_action_is_listed_under_its_own_name_and_shows_its_face(name: str) -> None:
    face = signatures()[name]
    assert face.name == name == ACTIONS[name].name
    assert face.judges is isinstance(ACTIONS[name], Check)
    assert face.streams <= set(face.returns.model_fields)


@pytest.mark.parametrize("name", EACH)
def test_an_action_declares_permissions_calls_and_what_its_fields_mean(name: str) -> None:
    action: Action[Any] | Check[Any] = ACTIONS[name]
    assert all(one.count(":") == 1 and "*" not in one for one in action.permissions)
    assert action.calls
    for model in (action.given, action.returns):
        assert all(field.description for field in model.model_fields.values())


DECIDES = {"ask.approval", "zones.assess"}  # actions only because they ask people, or lease what they decide on


@pytest.mark.parametrize("name", EACH)
def test_a_changing_action_may_do_more_than_read(name: str) -> None:
    reads = ("Describe", "List", "Get")
    writes = [one for one in ACTIONS[name].permissions if not one.split(":")[1].startswith(reads)]
    assert bool(writes) is (isinstance(ACTIONS[name], Action) and name not in DECIDES)
