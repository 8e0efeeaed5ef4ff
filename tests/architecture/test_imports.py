"""Who may import whom, and what a cold start pays for."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.architecture.house import PACKAGE, ROOT, named, sources, text_of, tree_of

HEAVY = ("chalicelib.sandbox.", "chalicelib.cli.", "moto.", "typer.", "rich.", "yaml.")


def test_imports_run_one_way() -> None:
    """The contracts stand in pyproject.toml, under importlinter."""
    linter = Path(sys.executable).parent / "lint-imports"
    answer = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "0 broken" in answer.stdout, answer.stdout
    kept = re.search(r"(\d+) kept", answer.stdout)
    assert kept
    assert int(kept.group(1)) == len(
        tomllib.loads(text_of(ROOT / "pyproject.toml"))["tool"]["importlinter"]["contracts"]
    )


def test_the_entry_points_import_nothing_of_sandbox_and_command() -> None:
    code = "import app, sys; print('\\n'.join(sys.modules))"
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(answer.stdout.split())
    assert "chalicelib.engine.durable" in loaded  # it is the entry points that were imported
    assert sorted(name for name in loaded if f"{name}.".startswith(HEAVY)) == []


@pytest.mark.parametrize(
    ("word", "allowed"),
    [
        ("boto3", {"chalicelib/aws/clients.py", "chalicelib/stores/table.py"}),  # the table: a codec, not a client
        ("aws_durable_execution_sdk_python", {"chalicelib/engine/durable.py", "app.py"}),
        ("moto", set()),
        ("typer", set()),
    ],
)
def test_a_library_is_known_to_its_own_modules_only(word: str, allowed: set[str]) -> None:
    ships = [
        file for file in sources() if not named(file).startswith(("chalicelib/sandbox", "chalicelib/cli", "bench"))
    ]
    assert {named(file) for file in ships if word in _imported(tree_of(file))} <= allowed


def test_only_one_place_catches_everything() -> None:
    """In Lambda: the durable step, which logs and raises again. On a laptop nobody does."""
    ships = [file for file in PACKAGE.rglob("*.py") if "sandbox" not in file.parts and "cli" not in file.parts]
    assert [named(file) for file in sorted(ships) if "except Exception" in text_of(file)] == [
        "chalicelib/engine/durable.py"
    ]


def test_the_environment_is_read_in_one_place() -> None:
    ships = [file for file in PACKAGE.rglob("*.py") if "sandbox" not in file.parts and "cli" not in file.parts]
    readers = [named(file) for file in sorted(ships) for node in ast.walk(tree_of(file)) if _reads_environment(node)]
    assert sorted(set(readers)) == ["chalicelib/settings.py"]


def _reads_environment(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}


def _imported(tree: ast.Module) -> set[str]:
    """Return the libraries that a file imports when it runs; what only the type checker reads is left out."""
    found: set[str] = set()
    for node in _running(tree):
        if isinstance(node, ast.Import):
            found |= {each.name.split(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def _running(node: ast.AST) -> list[ast.AST]:
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return []
    return [node, *(each for child in ast.iter_child_nodes(node) for each in _running(child))]
