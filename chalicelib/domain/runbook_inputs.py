"""Typed inputs of a runbook: what it declares, and what somebody gives."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Protocol

from pydantic import Field, ValidationInfo, field_validator

from chalicelib.domain.spelling import did_you_mean
from chalicelib.domain.types import REGION_PATTERN, Strict, parse_duration
from chalicelib.errors import InputError

_INTEGER = re.compile(r"^-?[0-9]{1,18}$")
_IDS = {
    "volume_ids": (r"^vol-[0-9a-f]{8,17}$", "vol-0123456789abcdef0"),
    "instance_ids": (r"^i-[0-9a-f]{8,17}$", "i-0123456789abcdef0"),
}


class InputType(StrEnum):
    """What an input may be. Its values rest as JSON: a duration stays the text that was given."""

    STRING = "string"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    DURATION = "duration"
    REGION = "region"
    VOLUME_IDS = "volume_ids"
    INSTANCE_IDS = "instance_ids"
    ENUM = "enum"


class InputSpec(Strict):
    """One declared input. Without `default` it must be given by whoever starts the run."""

    type: InputType
    description: str = ""
    choices: tuple[str, ...] = Field((), description="The allowed values; of `type: enum` only.")
    default: Any = Field(None, description="The value when none is given. Without it the input is required.")

    @field_validator("type", mode="before")
    @classmethod
    def _known(cls, value: Any) -> Any:
        known = [kind.value for kind in InputType]
        if value not in known:
            raise ValueError(f"there is no input type {value!r}; {did_you_mean(str(value), known)}")
        return value

    @field_validator("choices")
    @classmethod
    def _choices(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if value and info.data.get("type") not in {InputType.ENUM, None}:
            raise ValueError("choices are for `type: enum` only")
        if len(set(value)) != len(value):
            raise ValueError("a choice stands here twice")
        return value

    @field_validator("default")
    @classmethod
    def _default(cls, value: Any, info: ValidationInfo) -> Any:
        kind = info.data.get("type")
        if value is None or kind is None or (value == [] and kind.value in _IDS):  # [] = none, unless some are given
            return value
        return coerce(kind, tuple(info.data.get("choices", ())), value)

    @property
    def required(self) -> bool:
        """True when a run cannot start without it."""
        return self.default is None


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{_shown(value)} is not a text; put it in quotes")  # noqa: TRY004 - pydantic wants ValueError
    return value


def _integer(value: Any) -> int:
    if isinstance(value, str) and _INTEGER.match(value):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{_shown(value)} is not a whole number")  # noqa: TRY004
    return value


def _boolean(value: Any) -> bool:
    known = {"true": True, "false": False}
    if isinstance(value, str) and value in known:
        return known[value]
    if not isinstance(value, bool):
        raise ValueError(f"{_shown(value)} is not true or false")  # noqa: TRY004
    return value


def _duration(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{_shown(value)} is not a duration; write it with its unit, for example 30m")  # noqa: TRY004
    parse_duration(value)
    return value


def _region(value: Any) -> str:
    if not isinstance(value, str) or not re.match(REGION_PATTERN, value):
        raise ValueError(f"{_shown(value)} is not a Region; write for example us-west-2")
    return value


def _ids(kind: str) -> Callable[[Any], list[str]]:
    pattern, example = _IDS[kind]

    def read(value: Any) -> list[str]:
        given = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
        if not isinstance(given, list | tuple) or not given:
            raise ValueError(f"{_shown(value)} is not a list of ids; write for example [{example}]")
        for one in given:
            if not isinstance(one, str) or not re.match(pattern, one):
                raise ValueError(f"{_shown(one)} is not such an id; write for example {example}")
        if len(set(given)) != len(given):
            raise ValueError("an id stands here twice")
        return list(given)

    return read


def _shown(value: Any) -> str:
    return f"'{value}'" if isinstance(value, str) else json.dumps(value, default=str)


_READ: dict[InputType, Callable[[Any], Any]] = {
    InputType.STRING: _string,
    InputType.INTEGER: _integer,
    InputType.BOOLEAN: _boolean,
    InputType.DURATION: _duration,
    InputType.REGION: _region,
    InputType.VOLUME_IDS: _ids("volume_ids"),
    InputType.INSTANCE_IDS: _ids("instance_ids"),
    InputType.ENUM: _string,
}


def coerce(kind: InputType, choices: tuple[str, ...], value: Any) -> Any:
    """Return a given value (a text of a command line, or JSON) as the input's type, JSON-safe.

    Raises:
        ValueError: says what is wrong and what would be right.
    """
    if kind is InputType.ENUM:
        if value not in choices:
            raise ValueError(f"{_shown(value)} is not one of its choices; {did_you_mean(str(value), choices)}")
        return value
    return _READ[kind](value)


class _DeclaresInputs(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def inputs(self) -> dict[str, InputSpec]: ...


def check_inputs(runbook: _DeclaresInputs, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return every input of a runbook, typed, with its defaults; JSON-safe.

    Args:
        runbook: What declares them.
        given: Texts of a command line (`vol-1,vol-2`, `true`, `5`) or JSON values.

    Raises:
        InputError: inputs are unknown, missing or of the wrong type (`input.invalid`); all of them at once.
    """
    wrong = {
        name: f"runbook {runbook.name} has no such input; {did_you_mean(name, runbook.inputs) or 'it takes none'}"
        for name in sorted(set(given) - set(runbook.inputs))
    }
    typed: dict[str, Any] = {}
    for name, spec in runbook.inputs.items():
        try:
            typed[name] = _one(spec, given[name]) if name in given else _default(spec)
        except ValueError as error:
            wrong[name] = str(error)
    if wrong:
        text = "; ".join(f"input '{name}': {why}" for name, why in wrong.items())
        raise InputError("input.invalid", text[:1].upper() + text[1:], runbook=runbook.name, inputs=wrong)
    return typed


def _one(spec: InputSpec, value: Any) -> Any:
    return coerce(spec.type, spec.choices, value)


def _default(spec: InputSpec) -> Any:
    if spec.required:
        raise ValueError(f"is required ({spec.type.value}); give it a value")
    return spec.default
