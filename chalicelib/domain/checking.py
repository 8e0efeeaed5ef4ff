"""Everything about a runbook that can be known before it runs.

The models say what each part is; here it is checked what the parts mean together: that actions exist and are given what
they take, and that every reference names something that will be known by then and whose type can fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from chalicelib.domain.checking_references import Known, reference_problem, source_of
from chalicelib.domain.complaint import Path, Problem, problems_of
from chalicelib.domain.fitting import Shape, can_fit, one_of, shape_of, with_article
from chalicelib.domain.pattern import check_pattern
from chalicelib.domain.runbook import PHASES, UNDO_PREFIX, EventTrigger, Group, Phase, Runbook, ScheduleTrigger, Step
from chalicelib.domain.runbook_inputs import InputType
from chalicelib.domain.signature import Signature, Signatures
from chalicelib.domain.spelling import did_you_mean
from chalicelib.domain.template import Hole, Reference, holes
from chalicelib.domain.types import REGION_PATTERN

_TEXT = Shape({"type": "string"})
_SCALARS = {"string", "integer", "number", "boolean"}
_TRUE_OR_FALSE = {"boolean", "integer", "array"}


def check(runbook: Runbook, signatures: Signatures) -> list[Problem]:
    """Return everything that is wrong with a runbook, in no particular order; nothing when it can run.

    Args:
        runbook: As its model accepted it.
        signatures: The actions there are, by name.
    """
    problems = [*_ids(runbook), *_undoing(runbook), *_drills(runbook), *_triggers(runbook), *_inputs(runbook)]
    known = Known(runbook, signatures)
    for phase in PHASES:
        for at, group in enumerate(runbook.groups(phase)):
            known.beside = {step.id for step in group}
            for path, step in _placed(runbook, phase, at, group):
                problems += _StepCheck(step, path, known, signatures).problems()
            known.before.update({step.id: step for step in group})
    return problems


def _placed(runbook: Runbook, phase: Phase, at: int, group: tuple[Step, ...]) -> Iterator[tuple[Path, Step]]:
    grouped = phase == "steps" and isinstance(runbook.steps[at], Group)
    for index, step in enumerate(group):
        yield ((phase, at, "parallel", index) if grouped else (phase, at)), step


def _ids(runbook: Runbook) -> Iterator[Problem]:
    seen: set[str] = set()
    for phase in PHASES:
        for at, group in enumerate(runbook.groups(phase)):
            for path, step in _placed(runbook, phase, at, group):
                given = next((p for p in PHASES[1:] if _is_given_name(step.id, p)), None)
                if given and (step.id, phase) != (f"{given}-{at + 1}", given):
                    yield Problem((*path, "id"), f"'{step.id}' is a name that steps without an id get", "take another")
                elif step.id in seen:
                    yield Problem((*path, "id"), f"there are two steps '{step.id}'", "give one of them another id")
                else:
                    seen.add(step.id)


def _is_given_name(step_id: str, phase: Phase) -> bool:
    head, _, number = step_id.rpartition("-")
    return head == phase and number.isdigit()


def _undoing(runbook: Runbook) -> Iterator[Problem]:
    for phase in PHASES:
        for at, group in enumerate(runbook.groups(phase)):
            for path, step in _placed(runbook, phase, at, group):
                if step.id.startswith(UNDO_PREFIX):
                    yield Problem(
                        (*path, "id"), f"'{step.id}' is a name that steps which take back get", "take another"
                    )
                if step.on_failure == "undo" and phase not in {"steps", "verify"}:
                    yield Problem(
                        (*path, "on_failure"), f"nothing is taken back after '{phase}'", "write stop or continue"
                    )


def _drills(runbook: Runbook) -> Iterator[Problem]:
    for at, trigger in enumerate(runbook.when):
        if isinstance(trigger, ScheduleTrigger) and trigger.mode == "drill" and runbook.drill is None:
            yield Problem(("when", at, "mode"), "a drill needs a place to restore to", "add a section 'drill'")
    for key, text in (runbook.drill.model_dump() if runbook.drill else {}).items():
        for hole in holes(text):
            wrong = [one for one in hole.references if one.root != "inputs" or one.names[0] not in runbook.inputs]
            if hole.problem or wrong:
                message = hole.problem or f"{wrong[0]} is no input of this runbook"
                yield Problem(("drill", key), message, "write a text, or one reference to an input")


def _triggers(runbook: Runbook) -> Iterator[Problem]:
    for at, trigger in enumerate(runbook.when):
        if isinstance(trigger, EventTrigger):
            for path, message in check_pattern(trigger.event):
                text, _, hint = message.partition("; ")
                yield Problem(("when", at, "event", *path), text, hint)


def _inputs(runbook: Runbook) -> Iterator[Problem]:
    for name, spec in runbook.inputs.items():
        if spec.type is InputType.ENUM and not spec.choices:
            yield Problem(("inputs", name), "an enum needs choices", "write for example choices: [small, large]")
        elif spec.required and runbook.when:
            message = f"a trigger starts this runbook, and nobody is there to give input '{name}'"
            yield Problem(("inputs", name), message, "give it a default, or remove 'when'", at_key=True)


@dataclass
class _StepCheck:
    """Checks one step. `known` says what stands before it."""

    step: Step
    path: Path
    known: Known
    signatures: Signatures
    found: list[Problem] = field(default_factory=list)

    def problems(self) -> list[Problem]:
        for key, text in (("if", self.step.if_), ("unless", self.step.unless)):
            if text is not None:
                self._condition(key, Reference.parse(text))
        signature = self.signatures.get(self.step.uses)
        if signature is None:
            hint = did_you_mean(self.step.uses, self.signatures)
            self.found.append(Problem((*self.path, "uses"), f"there is no action '{self.step.uses}'", hint))
        elif signature.judges and self.step.approved_in_advance is not None:
            path = (*self.path, "approved_in_advance")
            self.found.append(Problem(path, "a check asks nobody", "leave it out", at_key=True))
        self._given(signature)
        return self.found

    def _condition(self, key: str, reference: Reference) -> None:
        path = (*self.path, key)
        wrong = reference_problem(reference, self.known, path)
        if wrong is not None:
            self.found.append(wrong)
            return
        source = source_of(reference, self.known)
        if source is not None and source.kinds() and not source.kinds() & _TRUE_OR_FALSE:
            message = f"{reference} is {with_article(source.words())}, neither true nor false"
            self.found.append(Problem(path, message, "refer to a boolean, a whole number or a list"))

    def _given(self, signature: Signature | None) -> None:
        base = (*self.path, "with")
        target = shape_of(signature.given) if signature else Shape({})
        there = list(holes(self.step.with_))
        for hole in there:
            self._hole(hole, base, target)
        if signature is None:
            return
        try:
            signature.given.model_validate(self.step.with_)
        except ValidationError as error:
            told = problems_of(error, self.step.with_, target, base)
            unknown = {(*base, *hole.path) for hole in there}
            said = {problem.path for problem in self.found}
            told = [problem for problem in told if problem.path not in said]
            self.found += [p for p in told if p.at_key or not any(p.path[: len(u)] == u for u in unknown)]
        if not signature.judges:
            self._regions(target, base)

    def _hole(self, hole: Hole, base: Path, target: Shape) -> None:
        path = (*base, *hole.path)
        if hole.problem:
            message, _, hint = hole.problem.partition("; ")
            self.found.append(Problem(path, message, hint, at_key=hole.at_key))
            return
        wrong = [reference_problem(reference, self.known, path) for reference in hole.references]
        if any(wrong):
            self.found += [problem for problem in wrong if problem is not None]
            return
        wanted = target.at(hole.path)
        for reference in hole.references:
            source = source_of(reference, self.known)
            if source is not None:
                self._fit(reference, source, wanted, path, whole=hole.whole)
        if not hole.whole and wanted and not any(can_fit(_TEXT, option) for option in wanted):
            message = f"a text stands where {one_of(wanted)} is wanted"
            self.found.append(Problem(path, message, "let the reference stand alone"))

    def _fit(self, reference: Reference, source: Shape, wanted: list[Shape], path: Path, *, whole: bool) -> None:
        if not whole and source.kinds() and not source.kinds() & _SCALARS:
            message = f"{reference} is {with_article(source.words())} and cannot stand inside a text"
            self.found.append(Problem(path, message, "let it stand alone"))
        if whole and wanted and not any(can_fit(source, option) for option in wanted):
            message = f"{reference} is {with_article(source.words())}, and {one_of(wanted)} is wanted here"
            self.found.append(Problem(path, message))

    def _regions(self, target: Shape, base: Path) -> None:
        allowed, said = self.known.runbook.guard.regions, {problem.path for problem in self.found}
        for path, text in _texts(self.step.with_):
            if not any(option.schema.get("pattern") == REGION_PATTERN for option in target.at(path)):
                continue
            region = self._region(text)
            if region is not None and region not in allowed and (*base, *path) not in said:
                message = f"{region} is not among the Regions that guard.regions allows"
                self.found.append(Problem((*base, *path), message, f"add it there; allowed: {', '.join(allowed)}"))

    def _region(self, text: str) -> str | None:
        """Return the Region that a text says or, where it refers to an input, that input's default."""
        found = [hole.references[0] for hole in holes(text) if hole.whole]
        if not found:
            return text if "${{" not in text else None
        spec = self.known.runbook.inputs.get(found[0].names[0]) if found[0].root == "inputs" else None
        return str(spec.default) if spec is not None and spec.default is not None else None


def _texts(value: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(item, (*path, key))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _texts(item, (*path, index))
