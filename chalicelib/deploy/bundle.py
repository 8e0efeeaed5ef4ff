"""A clean copy of the project with what belongs into Lambda, and nothing else.

Chalice zips all of `chalicelib` and installs all of `requirements.txt`; the sandbox, the command and what only they
need stay behind here.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from chalicelib.errors import InputError

STAYS_BEHIND = ("sandbox", "cli", "deploy", "__pycache__")  # of chalicelib: needs moto, Typer, Chalice's own command
COMMAND_ONLY = ("chalice", "typer", "rich")  # Chalice puts the part of itself that runs in Lambda into the zip itself
COPIED = ("app.py", "chalicelib", "vendor", ".chalice/config.json")


def stage(project: Path, target: Path) -> None:
    """Copy what is deployed from `project` into the empty directory `target`, following links.

    Raises:
        InputError: the project is not complete (`package.incomplete`).
    """
    for name in (*COPIED, "requirements.txt", "requirements.in"):
        if not (project / name).exists():
            raise InputError("package.incomplete", f"There is no {name} in {project}; package from the project itself.")
    for name in COPIED:
        source, destination = project / name, target / name
        destination.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, destination, ignore=_left_out(project / "chalicelib"))
        else:
            shutil.copy2(source, destination)
    pins = (project / "requirements.txt").read_text(encoding="utf-8").splitlines()
    wanted = (project / "requirements.in").read_text(encoding="utf-8").splitlines()
    (target / "requirements.txt").write_text("\n".join(runtime_pins(pins, wanted)) + "\n", encoding="utf-8")


def runtime_pins(pins: Iterable[str], wanted: Iterable[str]) -> list[str]:
    """Return the pins that the deployed code needs: those of the wanted packages, and of what these need in turn.

    Args:
        pins: Lines of `requirements.txt`, `name==version`, perhaps with a comment.
        wanted: Lines of `requirements.in`.

    Raises:
        InputError: something that is needed has no pin (`package.unpinned`), or is not installed where this runs.
    """
    known = {_name(line): line.partition("#")[0].strip() for line in pins if _name(line)}
    direct = [line.partition("#")[0].strip() for line in wanted if _name(line)]
    needed = closure(line for line in direct if _name(line) not in COMMAND_ONLY)
    missing = sorted(needed - set(known))
    if missing:
        raise InputError("package.unpinned", f"requirements.txt has no pin of {', '.join(missing)}; run `make pins`.")
    return [known[name] for name in sorted(needed)]


def closure(requirements: Iterable[str]) -> set[str]:
    """Return the normal names of packages and of all that they need, as installed where this runs.

    Raises:
        InputError: one is not installed (`package.not_installed`).
    """
    from packaging.requirements import Requirement

    found: set[str] = set()
    todo = [Requirement(line) for line in requirements]
    while todo:
        wanted = todo.pop()
        found.add(_normal(wanted.name))
        try:
            needs = metadata.requires(wanted.name) or []
        except metadata.PackageNotFoundError as error:
            raise InputError(
                "package.not_installed", f"{wanted.name} is not installed here; run `make setup`."
            ) from error
        for need in map(Requirement, needs):
            marked = need.marker is None or any(need.marker.evaluate({"extra": e}) for e in ("", *wanted.extras))
            if marked and _normal(need.name) not in found:
                todo.append(need)
    return found


def _left_out(chalicelib: Path):  # type: ignore[no-untyped-def]
    def ignored(directory: str, names: list[str]) -> list[str]:
        here = Path(directory)
        return [name for name in names if name == "__pycache__" or (here == chalicelib and name in STAYS_BEHIND)]

    return ignored


def _name(line: str) -> str:
    found = re.match(r"^([A-Za-z0-9][A-Za-z0-9._-]*)", line)
    return _normal(found.group(1)) if found else ""


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
