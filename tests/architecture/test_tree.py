"""The tree stands by itself: it names no machine, and what it needs is pinned."""

from __future__ import annotations

import re
import tomllib

from tests.architecture.house import ROOT, named, text_of, written

PIN = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*(\[[a-z,-]+\])?==[0-9][A-Za-z0-9.]*$")
# Put together, so that this file does not find itself.
MACHINE = re.compile("|".join(["/wo" + "rk/", "/ho" + "me/[a-z]", "/Us" + "ers/[a-z]", "/ro" + "ot/"]))
REGISTRY = re.compile("|".join(["py" + r"pi\.", "pythonhost" + r"ed\.", "--index" + "-url", "artifact" + "ory"]))
TEXT = {".py", ".md", ".toml", ".txt", ".in", ".yaml", ".yml", ".json", ""}


def _pins(name: str) -> list[str]:
    lines = [line.split("#")[0].strip() for line in text_of(ROOT / name).splitlines()]
    return [line for line in lines if line]


def _naming(pattern: re.Pattern[str]) -> list[str]:
    files = [file for file in written() if file.suffix in TEXT and named(file) not in BAD_DOCUMENTS]
    return [
        f"{named(file)}:{number}: {line.strip()}"
        for file in files
        for number, line in enumerate(text_of(file).splitlines(), 1)
        if pattern.search(line)
    ]


BAD_DOCUMENTS = {"tests/documents/bad/yaml-not-utf8.yaml"}  # not text, on purpose


def test_what_runs_is_pinned_to_exact_versions() -> None:
    assert [line for line in _pins("requirements.txt") if not PIN.match(line)] == []
    assert _pins("requirements.txt") != []


def test_what_develops_is_pinned_to_exact_versions() -> None:
    assert [line for line in _pins("requirements-dev.txt") if not PIN.match(line)] == []


def test_what_develops_has_the_versions_that_run() -> None:
    running = dict(line.split("==") for line in _pins("requirements.txt"))
    developing = dict(line.split("==") for line in _pins("requirements-dev.txt"))
    assert {name: version for name, version in running.items() if developing.get(name, version) != version} == {}


def test_the_package_depends_on_what_is_pinned() -> None:
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))
    assert project["project"]["dynamic"] == ["dependencies"]
    assert project["tool"]["setuptools"]["dynamic"]["dependencies"] == {"file": ["requirements.txt"]}


def test_no_file_names_a_machine() -> None:
    assert _naming(MACHINE) == []


def test_no_file_names_a_registry() -> None:
    assert _naming(REGISTRY) == []
