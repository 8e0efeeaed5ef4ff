"""What the rules about the code look at: its files, read once."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGE = ROOT / "chalicelib"
OTHER_SOURCES = ("app.py",)
# What people write by hand. Kept here, and not asked of git: the tree must be right wherever it is unpacked.
WRITTEN = ("*.md", "*.toml", "*.txt", "*.in", "Makefile", ".pre-commit-config.yaml", ".gitignore", "app.py")
FOLDERS = ("chalicelib", "tests", "bench", "docs", "runbooks", ".ci", ".chalice")
NOT_WRITTEN = {"__pycache__", "deployments", "venv"}


def named(path: Path) -> str:
    """Return a path as people write it: from the root of the project."""
    return path.relative_to(ROOT).as_posix()


@cache
def text_of(path: Path) -> str:
    """Return a file's text."""
    return path.read_text(encoding="utf-8")


@cache
def tree_of(path: Path) -> ast.Module:
    """Return a Python file parsed."""
    return ast.parse(text_of(path))


def sources() -> list[Path]:
    """Return every Python file that ships or is a tool of the project: the package, the entry points, the benches."""
    files = [*PACKAGE.rglob("*.py"), *(ROOT / "bench").rglob("*.py"), *(ROOT / name for name in OTHER_SOURCES)]
    return sorted(file for file in files if "__pycache__" not in file.parts)


def files_of_tests() -> list[Path]:
    """Return every Python file of the tests."""
    return sorted(file for file in (ROOT / "tests").rglob("*.py") if "__pycache__" not in file.parts)


def documents() -> list[Path]:
    """Return the documents that people read."""
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def written() -> list[Path]:
    """Return every file that people write by hand, or that is generated and kept."""
    files = {file for pattern in WRITTEN for file in ROOT.glob(pattern)}
    for folder in FOLDERS:
        files |= {file for file in (ROOT / folder).rglob("*") if file.is_file() and not NOT_WRITTEN & set(file.parts)}
    return sorted(files)
