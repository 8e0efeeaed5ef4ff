"""Every deliberate error has a code, a message and facts."""

from __future__ import annotations

import pytest

from chalicelib.errors import (
    ActionError,
    ErrorKind,
    InputError,
    LifeboatError,
    RefusedError,
    StoreError,
    SupersededError,
)


@pytest.mark.parametrize("kind", [LifeboatError, InputError, RefusedError, ActionError, StoreError, SupersededError])
def test_an_error_shows_its_message_and_then_its_code(kind: type[LifeboatError]) -> None:
    error = kind("area.cause", "It cannot be done.")
    assert str(error) == "It cannot be done. [area.cause]"
    assert (error.code, error.message, error.details) == ("area.cause", "It cannot be done.", {})
    assert isinstance(error, LifeboatError)


def test_an_error_carries_facts() -> None:
    assert InputError("a.b", "No.", field="region").details == {"field": "region"}


def test_a_refusal_of_aws_is_final_unless_it_says_otherwise() -> None:
    assert ActionError("a.b", "No.").kind is ErrorKind.TERMINAL
    assert ActionError("a.b", "No.", ErrorKind.BUSY, aws_code="X").details == {"aws_code": "X"}
