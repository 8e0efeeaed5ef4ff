"""References `${{ a.b.c }}`: reading them, finding them, filling them in.

A reference is never passed on as text: what cannot be resolved is an error. There is no expression language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.domain.runbook_inputs import check_inputs as check_inputs  # noqa: PLC0414 - part of this interface
from chalicelib.domain.runbook_values import duration_text
from chalicelib.domain.spelling import did_you_mean
from chalicelib.errors import InputError

ROOTS = ("inputs", "steps", "run", "objectives")
RUN_FIELDS = ("id", "start", "runbook", "region", "cause")
OBJECTIVE_FIELDS = ("rpo", "rto")
STATE_FIELD = "state"  # every step has it, beside the outputs of its action

_OPEN, _CLOSE = "${{", "}}"
_HOLE = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_WORD = re.compile(r"^[A-Za-z_][A-Za-z0-9_-]*$")
_STEP_PARTS = 3

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Reference:
    """One `${{ root.names }}`.

    Attributes:
        root: `inputs`, `steps`, `run` or `objectives`.
        names: What follows the root: one name, or of a step its id and the field.
    """

    root: str
    names: tuple[str, ...]

    def __str__(self) -> str:
        return ".".join((self.root, *self.names))

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read one whole reference, brackets included.

        Raises:
            InputError: it is none (`reference.malformed`).
        """
        found = _HOLE.fullmatch(text.strip())
        if found is None or _OPEN in found[1]:
            raise _malformed(text, "it is not one reference alone; write for example ${{ inputs.region }}")
        return _reference(found[1])


@dataclass(frozen=True)
class Scope:
    """What references may see at run time.

    Attributes:
        inputs: The run's inputs, as `check_inputs` returned them.
        steps: Of each settled step its id, to its outputs and `state`.
        run: `id`, `start` (aware, UTC), `runbook`, `region`, `cause`.
        objectives: `rpo` and `rto`, those that the runbook states.
    """

    inputs: Mapping[str, Any] = field(default_factory=dict)
    steps: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    run: Mapping[str, Any] = field(default_factory=dict)
    objectives: Mapping[str, Any] = field(default_factory=dict)

    def look_up(self, reference: Reference) -> Any:
        """Return what a reference stands for, with its type.

        Raises:
            InputError: nothing is known under that name (`reference.unresolved`).
        """
        here: Any = {"inputs": self.inputs, "steps": self.steps, "run": self.run, "objectives": self.objectives}
        for name in (reference.root, *reference.names):
            if not isinstance(here, Mapping) or name not in here:
                known = here if isinstance(here, Mapping) else ()
                hint = did_you_mean(name, known) or "nothing is known there"
                message = f"${{{{ {reference} }}}} cannot be resolved: there is no '{name}'; {hint}"
                raise InputError("reference.unresolved", message, reference=str(reference))
            here = here[name]
        return here


@dataclass(frozen=True)
class Hole:
    """A text with references in it, found inside a larger value.

    Attributes:
        path: Keys and indexes that lead to the text.
        references: Those in the text, in order.
        whole: True when the text is one reference and nothing else, which then keeps its type.
        problem: What is wrong with the way it is written, else empty.
        at_key: True when the text is a key, where no reference can stand.
    """

    path: Path
    references: tuple[Reference, ...] = ()
    whole: bool = False
    problem: str = ""
    at_key: bool = False


def holes(value: Any, path: Path = ()) -> Iterator[Hole]:
    """Yield every text inside `value` that holds references or tries to."""
    if isinstance(value, str) and _OPEN in value:
        yield _hole(value, path)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if _OPEN in str(key):
                yield Hole((*path, key), problem="a key cannot be a reference", at_key=True)
            yield from holes(item, (*path, key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from holes(item, (*path, index))


def references_in(value: Any) -> list[Reference]:
    """Return every well-written reference inside `value`, in order, repeated ones too."""
    return [reference for hole in holes(value) for reference in hole.references]


def fill(value: Any, scope: Scope) -> Any:
    """Return a copy of `value` with every reference replaced by what it stands for.

    A text that is one reference becomes the value with its JSON type; inside a longer text only scalars can stand.
    Times and durations become text in the form that runbooks read: `2030-01-31T03:00:00Z`, `1d`.

    Raises:
        InputError: a reference is malformed, unresolved or not a scalar (`reference.*`).
    """
    if isinstance(value, str):
        return _fill_text(value, scope) if _OPEN in value else value
    if isinstance(value, Mapping):
        return {key: fill(item, scope) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [fill(item, scope) for item in value]
    return value


def holds(value: Any) -> bool:
    """Say what a resolved `if:` or `unless:` means: true, a number other than 0, a list that is not empty.

    Raises:
        InputError: a text or another value that is neither true nor false (`reference.not_boolean`).
    """
    if value is None or isinstance(value, bool | int | list | tuple):
        return bool(value)
    message = f"`if` and `unless` take true or false, a whole number or a list, not {value!r}"
    raise InputError("reference.not_boolean", message)


def _fill_text(text: str, scope: Scope) -> Any:
    hole = _hole(text, ())
    if hole.problem:
        raise _malformed(text, hole.problem)
    if hole.whole:
        value = scope.look_up(hole.references[0])
        return _text_of(value) if isinstance(value, datetime | timedelta) else value
    return _HOLE.sub(lambda found: _written(_reference(found[1]), scope), text)


def _written(reference: Reference, scope: Scope) -> str:
    value = scope.look_up(reference)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, datetime | timedelta):
        return _text_of(value)
    message = f"${{{{ {reference} }}}} is no single value and cannot stand inside a text; let it stand alone"
    raise InputError("reference.not_scalar", message, reference=str(reference))


def _text_of(value: datetime | timedelta) -> str:
    if isinstance(value, timedelta):
        return duration_text(value)
    return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _hole(text: str, path: Path) -> Hole:
    bodies = _HOLE.findall(text)
    if text.count(_OPEN) != len(bodies) or _OPEN in _HOLE.sub("", text):
        return Hole(path, problem=f"'{_OPEN}' is not closed by '{_CLOSE}'")
    try:
        references = tuple(_reference(body) for body in bodies)
    except InputError as error:
        return Hole(path, problem=error.message)
    return Hole(path, references, whole=_HOLE.fullmatch(text.strip()) is not None and len(bodies) == 1)


def _reference(body: str) -> Reference:
    parts = body.strip().split(".")
    root, names = parts[0], tuple(parts[1:])
    shown = f"{_OPEN} {body.strip()} {_CLOSE}"
    if not all(_WORD.match(part) for part in parts):
        raise _malformed(shown, "it is not names joined by dots; there is no expression language")
    if root not in ROOTS:
        raise _malformed(shown, f"it starts with '{root}'; {did_you_mean(root, ROOTS)}")
    if len(parts) != (_STEP_PARTS if root == "steps" else 2):
        form = "steps.<id>.<field>" if root == "steps" else f"{root}.<name>"
        raise _malformed(shown, f"it has {len(parts)} names; it is written {form}")
    return Reference(root, names)


def _malformed(text: str, why: str) -> InputError:
    return InputError("reference.malformed", f"'{text}' is not a reference: {why}", reference=text)
