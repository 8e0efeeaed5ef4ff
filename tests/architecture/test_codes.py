"""Error codes are a promise to scripts and alarms: only ever added to, and every one of them in codes.txt.

A code that nothing raises any more keeps its line, followed by ` retired`, so that it is never given another meaning.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from chalicelib.actions.registry import ACTIONS, INTERNAL
from chalicelib.errors import LifeboatError
from tests.architecture.house import sources, text_of, tree_of

LIST = Path(__file__).with_name("codes.txt")
CODE = re.compile(r"^[a-z]+\.[a-z_]+$")
# Texts that look like codes and are none: names of actions, a value of `since:`, EventBridge's name of a service, a
# beginning of codes.
NOT_CODES = {*ACTIONS, *INTERNAL, "run.start", "aws.autoscaling", "aws.cloudwatch", "aws.health", "aws.rds", "run.key"}
# Made of a word and a state, in chalicelib/engine/steps.py.
COMPOSED = {"action.conflict", "action.failed"}


def _written() -> list[str]:
    return text_of(LIST).split("\n")[:-1]


def _texts(node: ast.AST) -> set[str]:
    return {
        each.value
        for each in ast.walk(node)
        if isinstance(each, ast.Constant) and isinstance(each.value, str) and CODE.match(each.value)
    }


def _surely(node: ast.AST) -> set[str]:
    """Return codes where one is certainly meant: given to an error, or as `code=`."""
    if not isinstance(node, ast.Call):
        return set()
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    first = _texts(node.args[0]) if node.args and (name.endswith("Error") or name == "Meaning") else set()
    return first | {code for word in node.keywords if word.arg == "code" for code in _texts(word.value)}


def _used() -> set[str]:
    """Return all codes: those that are certain, and every text that begins like one of them."""
    sure: set[str] = set()
    for file in sources():
        for node in ast.walk(tree_of(file)):
            sure |= _surely(node)
    areas = {code.split(".")[0] for code in sure}
    alike = {text for file in sources() for text in _texts(tree_of(file)) if text.split(".")[0] in areas}
    return (sure | alike | COMPOSED) - NOT_CODES


def test_every_code_is_listed() -> None:
    listed = {line.removesuffix(" retired") for line in _written()}
    assert sorted(_used() - listed) == [], f"add to {LIST.name}"


def test_every_listed_code_is_used_or_retired() -> None:
    assert sorted({line for line in _written() if not line.endswith(" retired")} - _used()) == []


def test_a_retired_code_is_not_used_again() -> None:
    retired = {line.removesuffix(" retired") for line in _written() if line.endswith(" retired")}
    assert sorted(retired & _used()) == []


def test_the_list_is_sorted_and_says_nothing_twice() -> None:
    codes = [line.removesuffix(" retired") for line in _written()]
    assert codes == sorted(set(codes))
    assert [code for code in codes if not CODE.match(code)] == []


def test_all_errors_have_one_base() -> None:
    from chalicelib import errors

    classes = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, Exception)]
    assert [each for each in classes if not issubclass(each, LifeboatError)] == []
