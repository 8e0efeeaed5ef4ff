"""What can be read in one sitting: sizes of files and functions, and names that say what is inside."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.architecture.house import files_of_tests, named, sources, text_of, tree_of

SOURCE_LINES, TEST_LINES, FUNCTION_LINES, ENTRY_LINES = 300, 400, 40, 120
SAYS_NOTHING = {"utils", "util", "helpers", "helper", "common", "constants", "models", "manager", "managers", "misc"}


def _too_long(files: list[Path], limit: int) -> list[str]:
    lengths = {file: len(text_of(file).splitlines()) for file in files}
    return [f"{named(file)}: {lines} lines, at most {limit}" for file, lines in lengths.items() if lines > limit]


def test_a_source_file_has_at_most_300_lines() -> None:
    assert _too_long(sources(), SOURCE_LINES) == []


def test_a_test_file_has_at_most_400_lines() -> None:
    assert _too_long(files_of_tests(), TEST_LINES) == []


def test_the_entry_points_have_at_most_120_lines() -> None:
    assert _too_long([file for file in sources() if named(file) == "app.py"], ENTRY_LINES) == []


def test_a_function_has_at_most_40_lines() -> None:
    long = [
        f"{named(file)}: {each.name} has {length} lines"
        for file in [*sources(), *files_of_tests()]
        for each in ast.walk(tree_of(file))
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (each.end_lineno or each.lineno) - each.lineno + 1) > FUNCTION_LINES
    ]
    assert long == []


def test_a_file_is_named_for_what_is_in_it() -> None:
    assert [named(file) for file in [*sources(), *files_of_tests()] if file.stem in SAYS_NOTHING] == []
