"""What documents say is so: paths exist, make words and commands are there, runbooks load."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from chalicelib.actions.registry import signatures
from chalicelib.stores.catalog import compiled
from tests.architecture.house import ROOT, documents, named, sources, text_of, tree_of

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
QUOTED = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
TOP = {each.name for each in ROOT.iterdir()}
MAKE = re.compile(r"\bmake ([a-z]+)\b")
LIFEBOAT = re.compile(r"\blifeboat ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?")
METHOD = re.compile(r"[A-Z]\w+\.\w+")
FOUND_IN = re.compile(r"`([\w.()]+)`\)?,? in\s+`((?:chalicelib/[\w/]+|app)\.py)`")
MADE_LATER = {"out"}  # by a command that the document tells

every_document = pytest.mark.parametrize("file", documents(), ids=named)


def _prose(text: str) -> str:
    return FENCE.sub("", text)


def _said(text: str) -> list[str]:
    """Return what a document tells people to type: in quotes, and in blocks of shell."""
    return QUOTED.findall(_prose(text)) + [
        body for kind, body in FENCE.findall(text) if kind in {"sh", "bash", "console"}
    ]


def _paths(text: str) -> set[str]:
    """Return quoted words that are paths: the first part stands at the top of the tree, or in the package."""
    words = {word.split(":")[0] for word in QUOTED.findall(_prose(text)) if re.fullmatch(r"[\w./:*<>-]+", word)}
    inside = {each.name for each in (ROOT / "chalicelib").iterdir() if each.is_dir()}
    return {word for word in words if "/" in word and (word.split("/")[0] in TOP or word.split("/")[0] in inside)} | {
        word for word in words if "/" not in word and word.endswith((".md", ".toml", ".txt"))
    }


def _exists(word: str) -> bool:
    if "<" in word or word.split("/", maxsplit=1)[0] in MADE_LATER:
        return True
    bases = (ROOT, ROOT / "chalicelib", ROOT / "docs", ROOT / "tests")
    return any(any(base.glob(word)) if "*" in word else (base / word).exists() for base in bases)


@every_document
def test_every_path_in_a_document_exists(file: Path) -> None:
    assert sorted(word for word in _paths(text_of(file)) if not _exists(word)) == []


@every_document
def test_every_link_between_documents_leads_somewhere(file: Path) -> None:
    near = [link for link in LINK.findall(_prose(text_of(file))) if "://" not in link]
    assert [link for link in near if not (file.parent / link).exists()] == []


@every_document
def test_every_make_word_in_a_document_is_in_the_makefile(file: Path) -> None:
    words = set(re.findall(r"^([a-z]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    assert sorted({word for said in _said(text_of(file)) for word in MAKE.findall(said)} - words) == []


@every_document
def test_every_command_in_a_document_is_there(file: Path) -> None:
    import typer.main

    from chalicelib.cli.main import app

    top = typer.main.get_command(app)
    commands = getattr(top, "commands", {})
    for said in _said(text_of(file)):
        for word, second in LIFEBOAT.findall(said):
            assert word in commands, f"lifeboat {word}"
            if second and hasattr(commands[word], "commands"):
                assert second in commands[word].commands, f"lifeboat {word} {second}"


@every_document
def test_every_option_in_a_document_is_there(file: Path) -> None:
    import typer.main

    from chalicelib.cli.main import app

    top = typer.main.get_command(app)
    known = {"--help", *_options(top)}
    typed = [said for said in _said(text_of(file)) if LIFEBOAT.search(said)]
    used = {option for said in typed for line in said.splitlines() if "lifeboat" in line for option in _typed(line)}
    assert sorted(used - known) == []


def _typed(line: str) -> list[str]:
    return re.findall(r"(?<!\S)--[a-z-]+", line)


def _options(command: object) -> set[str]:
    below = getattr(command, "commands", {})
    own = {name for each in getattr(command, "params", ()) for name in each.opts}
    return own.union(*(_options(each) for each in below.values()))


@pytest.mark.parametrize("file", [file for file in documents() if "```yaml" in text_of(file)], ids=named)
def test_every_whole_runbook_in_a_document_loads(file: Path) -> None:
    whole = [body for kind, body in FENCE.findall(text_of(file)) if kind == "yaml" and body.startswith("version:")]
    for body in whole:
        name = re.search(r"^name: ([a-z0-9-]+)", body, re.MULTILINE)
        assert name
        compiled(body, signatures(), file=file.name, name=name.group(1))


def test_the_readme_shows_a_runbook() -> None:
    assert any(kind == "yaml" for kind, _ in FENCE.findall(text_of(ROOT / "README.md")))


def test_decisions_are_numbered_and_have_the_same_five_parts() -> None:
    decisions = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [file.name[:4] for file in decisions] == [f"{n:04d}" for n in range(1, len(decisions) + 1)]
    parts = ["Status", "Context", "Decision", "Alternatives", "Consequences"]
    wrong = [file.name for file in decisions if re.findall(r"^## (.+)$", text_of(file), re.MULTILINE) != parts]
    assert wrong == []


@every_document
def test_a_method_that_a_document_names_exists(file: Path) -> None:
    """`Class.method`, when there is a class of that name."""
    known = {
        each.name: {name for part in ast.walk(each) for name in _names(part)}
        for source in sources()
        for each in tree_of(source).body
        if isinstance(each, ast.ClassDef)
    }
    said = [word.split(".") for word in QUOTED.findall(_prose(text_of(file))) if METHOD.fullmatch(word)]
    assert [f"{one}.{method}" for one, method in said if one in known and method not in known[one]] == []


@every_document
def test_a_name_that_a_document_finds_in_a_file_is_there(file: Path) -> None:
    """`name` in `path.py`."""
    said = FOUND_IN.findall(_prose(text_of(file)))
    lost = [f"{name} in {path}" for name, path in said if _last(name) not in _all_names(ROOT / path)]
    assert lost == []


def _last(name: str) -> str:
    return name.split("(", maxsplit=1)[0].rsplit(".", maxsplit=1)[-1]


def _all_names(source: Path) -> set[str]:
    return {name for part in ast.walk(tree_of(source)) for name in _names(part)}


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.AnnAssign):
        return [ast.unparse(node.target)]
    return [ast.unparse(target) for target in node.targets] if isinstance(node, ast.Assign) else []
