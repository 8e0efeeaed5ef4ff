"""What a reference names, whether it is known by then, and of what type it is."""

from __future__ import annotations

from dataclasses import dataclass, field

from chalicelib.domain.complaint import Path, Problem
from chalicelib.domain.fitting import DURATION_PATTERN, Shape, shape_of
from chalicelib.domain.runbook import Runbook, Step
from chalicelib.domain.runbook_inputs import InputSpec, InputType
from chalicelib.domain.signature import Signatures
from chalicelib.domain.spelling import did_you_mean
from chalicelib.domain.template import OBJECTIVE_FIELDS, RUN_FIELDS, STATE_FIELD, Reference
from chalicelib.domain.types import REGION_PATTERN

_TEXT = {"type": "string"}
_DURATION = {"type": "string", "pattern": DURATION_PATTERN}
_INPUTS: dict[InputType, dict[str, object]] = {
    InputType.STRING: {"type": "string"},
    InputType.INTEGER: {"type": "integer"},
    InputType.BOOLEAN: {"type": "boolean"},
    InputType.DURATION: {"type": "string", "pattern": DURATION_PATTERN},
    InputType.REGION: {"type": "string", "pattern": REGION_PATTERN},
    InputType.VOLUME_IDS: {"type": "array", "items": {"type": "string", "pattern": r"^vol-[0-9a-f]{8,17}$"}},
    InputType.INSTANCE_IDS: {"type": "array", "items": {"type": "string", "pattern": r"^i-[0-9a-f]{8,17}$"}},
}
_RUN: dict[str, dict[str, str]] = {
    **dict.fromkeys(RUN_FIELDS, _TEXT),
    "start": {"type": "string", "format": "date-time"},
    "region": {"type": "string", "pattern": REGION_PATTERN},
}


@dataclass
class Known:
    """What a step may refer to.

    Attributes:
        before: The steps that have ended before it starts, by id.
        beside: The ids of its own parallel group, its own included.
    """

    runbook: Runbook
    signatures: Signatures
    before: dict[str, Step] = field(default_factory=dict)
    beside: set[str] = field(default_factory=set)


def reference_problem(reference: Reference, known: Known, path: Path) -> Problem | None:
    """Say what is wrong with a reference, or None when what it names is known by then."""
    if reference.root == "steps":
        return _step_problem(reference, known, path)
    name = reference.names[0]
    names = {
        "inputs": tuple(known.runbook.inputs),
        "run": RUN_FIELDS,
        "objectives": tuple(f for f in OBJECTIVE_FIELDS if getattr(known.runbook.objectives, f) is not None),
    }[reference.root]
    if name in names:
        return None
    if reference.root == "objectives" and name in OBJECTIVE_FIELDS:
        return Problem(path, f"this runbook states no {name}", f"write objectives: {{{name}: 24h}}")
    what = {"inputs": "input", "run": "fact of the run called", "objectives": "objective"}[reference.root]
    return Problem(path, f"there is no {what} '{name}'", did_you_mean(name, names) or "this runbook declares none")


def source_of(reference: Reference, known: Known) -> Shape | None:
    """Return the type of what a reference names; None when it is not known because the action is not."""
    name = reference.names[0]
    if reference.root == "inputs":
        return Shape(_input_schema(known.runbook.inputs[name]))
    if reference.root == "run":
        return Shape(_RUN[name])
    if reference.root == "objectives":
        return Shape(_DURATION)
    if reference.names[1] == STATE_FIELD:
        return Shape(_TEXT)
    signature = known.signatures.get(known.before[name].uses)
    if signature is None:
        return None
    shape = shape_of(signature.returns, "serialization")
    return shape.to(shape.schema["properties"][reference.names[1]])


def _input_schema(spec: InputSpec) -> dict[str, object]:
    if spec.type is InputType.ENUM:
        return {"type": "string", "enum": list(spec.choices)}
    return _INPUTS[spec.type]


def _step_problem(reference: Reference, known: Known, path: Path) -> Problem | None:
    step_id, name = reference.names
    if step_id in known.before:
        return _field_problem(known.before[step_id], name, known, path)
    if step_id in known.beside:
        message = (
            f"step '{step_id}' runs at the same time" if len(known.beside) > 1 else "a step cannot refer to itself"
        )
        return Problem(path, message, "refer to a step that stands above")
    everywhere = {step.id for step in known.runbook.all_steps()}
    if step_id in everywhere:
        return Problem(path, f"step '{step_id}' comes later", "refer to a step that stands above")
    return Problem(path, f"there is no step '{step_id}'", did_you_mean(step_id, known.before) or "no step stands above")


def _field_problem(step: Step, name: str, known: Known, path: Path) -> Problem | None:
    signature = known.signatures.get(step.uses)
    if signature is None or name == STATE_FIELD:
        return None
    fields = shape_of(signature.returns, "serialization").fixed_keys() | {STATE_FIELD}
    if name in fields:
        return None
    return Problem(path, f"step '{step.id}' ({step.uses}) returns no '{name}'", did_you_mean(name, fields))
