"""The runbooks of a directory: read strictly, checked completely."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from chalicelib.domain.checking import check
from chalicelib.domain.complaint import Problem, problems_of
from chalicelib.domain.fitting import shape_of
from chalicelib.domain.runbook import Runbook
from chalicelib.domain.signature import Signatures
from chalicelib.domain.spelling import did_you_mean
from chalicelib.errors import InputError, StoreError

if TYPE_CHECKING:
    from chalicelib.stores.yaml_strict import Document, Fault

SUFFIX = ".yaml"

ProblemRow = dict[str, str | int]


class Catalog:
    """The runbooks of one directory, `<name>.yaml` each. Files are read anew at every call.

    Args:
        directory: Where they are.
        signatures: The actions there are, by name.
    """

    def __init__(self, directory: Path, signatures: Signatures) -> None:
        self.directory = directory
        self.signatures = signatures

    def names(self) -> list[str]:
        """Return the names of all runbooks, sorted, whether they are valid or not.

        Raises:
            StoreError: there is no such directory (`runbook.no_directory`).
        """
        if not self.directory.is_dir():
            raise StoreError("runbook.no_directory", f"There is no directory of runbooks at {self.directory}")
        return sorted(path.stem for path in self.directory.glob(f"*{SUFFIX}"))

    def load(self, name: str) -> Runbook:
        """Return a runbook by name.

        Raises:
            InputError: there is none (`runbook.unknown`), or it is not valid (`runbook.invalid`).
        """
        names = self.names()
        if name not in names:  # which also keeps every path but those of the directory out
            hint = did_you_mean(name, names) or "the catalog is empty"
            raise InputError("runbook.unknown", f"There is no runbook '{name}'; {hint}", runbook=name)
        return self.load_file(self.directory / f"{name}{SUFFIX}")

    def load_file(self, path: Path) -> Runbook:
        """Return the runbook of one file.

        Raises:
            InputError: it is not valid (`runbook.invalid`); `details["problems"]` has all its problems by position,
                each with `file`, `line`, `column` (from 1), `key`, `message` and `hint`.
            StoreError: the file cannot be read (`runbook.unreadable`).
        """
        try:
            data = path.read_bytes()
        except OSError as error:
            raise StoreError("runbook.unreadable", f"Cannot read {path}: {error.strerror}", file=str(path)) from error
        return compiled(data, self.signatures, file=str(path), name=path.stem)

    def valid(self) -> list[Runbook]:
        """Return the runbooks that are valid, by name; what is wrong with the others `all` and `load` say.

        Raises:
            StoreError: there is no such directory.
        """
        found: list[Runbook] = []
        for name in self.names():
            try:
                found.append(self.load(name))
            except (InputError, StoreError):
                continue
        return found

    def all(self) -> list[Runbook]:
        """Return every runbook, by name.

        Raises:
            InputError: one or more are not valid (`runbook.invalid`); the problems of all of them are in it.
        """
        runbooks: list[Runbook] = []
        problems: list[ProblemRow] = []
        for name in self.names():
            try:
                runbooks.append(self.load(name))
            except InputError as error:
                rows = error.details["problems"]
                problems.extend(rows if isinstance(rows, list) else [])
        if problems:
            raise _invalid(problems)
        return runbooks


def compiled(data: bytes | str, signatures: Signatures, *, file: str, name: str | None = None) -> Runbook:
    """Return the runbook that a text holds.

    Args:
        data: YAML.
        signatures: The actions there are, by name.
        file: What messages call it.
        name: The name that it must have; None when any will do.

    Raises:
        InputError: it is not valid (`runbook.invalid`).
    """
    from chalicelib.stores.yaml_strict import read  # YAML is a slow import, and only authors' files need it

    document = read(data)
    nothing_read = document.value is None and document.faults
    runbook, problems = (None, []) if nothing_read else _checked(document.value, signatures)
    if runbook is not None and name is not None and runbook.name != name:
        problems.append(Problem(("name",), f"'{runbook.name}' is not the name of its file", f"write name: {name}"))
    rows = _rows(document, problems, file)
    if rows or runbook is None:
        raise _invalid(rows)
    return runbook


def render(problems: Sequence[ProblemRow]) -> str:
    """Write problems for people, a line each: `file:line:column: key: message (hint)`."""
    return "\n".join(
        f"{row['file']}:{row['line']}:{row['column']}: "
        + (f"{row['key']}: " if row["key"] else "")
        + str(row["message"])
        + (f" ({row['hint']})" if row["hint"] else "")
        for row in problems
    )


def _checked(value: Any, signatures: Signatures) -> tuple[Runbook | None, list[Problem]]:
    if value is None:
        return None, [Problem((), "the file is empty", "a runbook starts with version: 1")]
    if not isinstance(value, dict):
        return None, [Problem((), "a runbook is a mapping", "it starts with version: 1")]
    try:
        runbook = Runbook.model_validate(value)
    except ValidationError as error:
        problems = problems_of(error, value, shape_of(Runbook))
        return None, problems + _further(value, problems, signatures)
    return runbook, check(runbook, signatures)


def _further(value: dict[str, Any], problems: list[Problem], signatures: Signatures) -> list[Problem]:
    """Return what else is wrong, judged by what is left when the wrong keys are taken out, if that can be judged.

    Nothing is said of the step or section in which something was wrong already: it might be only a consequence.
    """
    pruned = value
    for problem in problems:
        pruned = _without(pruned, problem.path)
    try:
        runbook = Runbook.model_validate(pruned)
    except ValidationError:
        return []
    around = [problem.path[:-1] for problem in problems if len(problem.path) > 1]
    if any(path[:1] == ("inputs",) or path[-1:] == ("id",) for path in (problem.path for problem in problems)):
        return []
    return [p for p in check(runbook, signatures) if not any(p.path[: len(path)] == path for path in around)]


def _without(value: Any, path: tuple[str | int, ...]) -> Any:
    head, rest = path[0] if path else None, path[1:]
    if isinstance(value, dict) and head in value:
        if rest:
            return {**value, head: _without(value[head], rest)}
        return {key: item for key, item in value.items() if key != head}
    if isinstance(value, list) and isinstance(head, int) and rest:
        return [*value[:head], _without(value[head], rest), *value[head + 1 :]]
    return value


def _rows(document: Document, problems: list[Problem], file: str) -> list[ProblemRow]:
    """Join what the reader and the checks found, by position; what a fault of the reader explains is left out."""
    faults = document.faults
    kept = [p for p in problems if not any(p.path[: len(fault.path)] == fault.path for fault in faults)]
    rows = [_row(file, fault.place, _problem(fault)) for fault in faults]
    rows += [_row(file, document.place(p.path, at_key=p.at_key), p) for p in kept]
    return sorted(rows, key=lambda row: (row["line"], row["column"], row["key"]))


def _problem(fault: Fault) -> Problem:
    return Problem(fault.path, fault.message, fault.hint)


def _row(file: str, place: tuple[int, int], problem: Problem) -> ProblemRow:
    return {
        "file": file,
        "line": place[0],
        "column": place[1],
        "key": problem.key,
        "message": problem.message,
        "hint": problem.hint,
    }


def _invalid(rows: list[ProblemRow]) -> InputError:
    count = len(rows)
    said = f"{count} problems in the runbooks, the first" if count > 1 else "A runbook is not valid"
    return InputError("runbook.invalid", f"{said}: {render(rows[:1])}", problems=rows)
