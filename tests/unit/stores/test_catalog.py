"""Covers the catalog: names, loading, and all problems of a file at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chalicelib.actions.registry import signatures
from chalicelib.errors import InputError, StoreError
from chalicelib.stores.catalog import Catalog, compiled, render
from tests.documents.actions import SIGNATURES

ROOT = Path(__file__).parents[3]
GOOD = """version: 1
name: {name}
guard: {{regions: [us-east-1]}}
steps:
  - {{id: notice, uses: notify.send, with: {{topic: oncall}}}}
"""


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    for name in ("beta", "alpha"):
        (tmp_path / f"{name}.yaml").write_text(GOOD.format(name=name))
    (tmp_path / "README.md").write_text("not a runbook")
    return Catalog(tmp_path, SIGNATURES)


def problems(caught: pytest.ExceptionInfo[InputError]) -> list[dict[str, Any]]:
    rows = caught.value.details["problems"]
    assert isinstance(rows, list)
    return rows


def test_runbooks_are_found_by_name(catalog: Catalog) -> None:
    assert catalog.names() == ["alpha", "beta"]
    assert catalog.load("beta").name == "beta"
    assert [runbook.name for runbook in catalog.all()] == ["alpha", "beta"]


@pytest.mark.parametrize("name", ["gone", "../alpha", "alpha.yaml", "", "README"])
def test_a_name_that_is_not_listed_opens_no_file(catalog: Catalog, name: str) -> None:
    with pytest.raises(InputError) as caught:
        catalog.load(name)
    assert caught.value.code == "runbook.unknown"


def test_a_misspelled_name_is_put_right(catalog: Catalog) -> None:
    with pytest.raises(InputError, match=r"did you mean 'alpha'\?"):
        catalog.load("alhpa")


def test_an_empty_catalog_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the catalog is empty"):
        Catalog(tmp_path, SIGNATURES).load("x")


def test_a_missing_directory_is_an_error_of_the_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        Catalog(tmp_path / "gone", SIGNATURES).names()
    assert caught.value.code == "runbook.no_directory"


def test_a_file_that_cannot_be_read_is_an_error_of_the_store(catalog: Catalog) -> None:
    with pytest.raises(StoreError) as caught:
        catalog.load_file(catalog.directory / "gone.yaml")
    assert caught.value.code == "runbook.unreadable"


def test_the_name_must_be_the_files(catalog: Catalog) -> None:
    path = catalog.directory / "gamma.yaml"
    path.write_text(GOOD.format(name="delta"))
    with pytest.raises(InputError) as caught:
        catalog.load("gamma")
    [row] = problems(caught)
    assert row == {
        "file": str(path),
        "line": 2,
        "column": 7,
        "key": "name",
        "message": "'delta' is not the name of its file",
        "hint": "write name: gamma",
    }


def test_the_problems_of_all_files_are_told_together(catalog: Catalog) -> None:
    for name in ("one", "two"):
        (catalog.directory / f"{name}.yaml").write_text(GOOD.format(name=name).replace("topic", "topik"))
    with pytest.raises(InputError) as caught:
        catalog.all()
    assert [Path(str(row["file"])).name for row in problems(caught)] == ["one.yaml", "two.yaml"]
    assert caught.value.message.startswith("2 problems in the runbooks, the first: ")


def test_problems_are_sorted_by_position_and_of_all_kinds() -> None:
    text = GOOD.format(name="x").replace("topic: oncall", "topik: yes").replace("version: 1", "version: 1\nextra: &a 1")
    with pytest.raises(InputError) as caught:
        compiled(text, SIGNATURES, file="x.yaml")
    assert [(row["line"], row["key"]) for row in problems(caught)] == [
        (2, "extra"),
        (6, "steps[0].with.topik"),
    ]


def test_a_wrong_key_does_not_hide_a_wrong_reference() -> None:
    text = GOOD.format(name="x").replace("oncall", '"${{ inputs.gone }}"') + "extra: 1\n"
    with pytest.raises(InputError) as caught:
        compiled(text, SIGNATURES, file="x.yaml")
    assert [row["key"] for row in problems(caught)] == ["steps[0].with.topic", "extra"]


@pytest.mark.parametrize(
    ("change", "keys"),
    [
        (("guard:", "inputs: {A: {type: string, default: x}}\nguard:"), ["inputs.A"]),
        (("guard:", "inputs: {a: {type: regoin}}\nguard:"), ["inputs.a.type"]),
        (("id: notice, uses", "id: Notice!, uses"), ["steps[0].id"]),
        (("id: notice, uses", "id: notice, within: soon, uses"), ["steps[0].within"]),
        (("version: 1\n", ""), ["version"]),
        (("{id: notice, uses: notify.send, with: {topic: oncall}}", "text"), ["steps[0]"]),
    ],
)
def test_what_may_be_only_a_consequence_is_not_told(change: tuple[str, str], keys: list[str]) -> None:
    text = (
        GOOD.format(name="x")
        .replace(*change)
        .replace("oncall", '"${{ inputs.A }}"' if "A:" in change[1] else '"${{ inputs.a }}"')
    )
    with pytest.raises(InputError) as caught:
        compiled(text, SIGNATURES, file="x.yaml")
    assert [row["key"] for row in problems(caught)] == keys


def test_problems_are_rendered_a_line_each() -> None:
    row: dict[str, str | int] = {"file": "f", "line": 1, "column": 2, "key": "k", "message": "m", "hint": "h"}
    assert render([row, {**row, "key": "", "hint": ""}]) == "f:1:2: k: m (h)\nf:1:2: m"


@pytest.mark.parametrize("path", sorted((ROOT / "runbooks").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_runbook_is_valid_and_points_editors_to_the_schema(path: Path) -> None:
    assert Catalog(path.parent, signatures()).load_file(path).name == path.stem
    first = path.read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=../docs/runbook.schema.json"
    assert (path.parent / "../docs/runbook.schema.json").is_file()


def test_importing_the_catalog_does_not_import_yaml() -> None:
    code = "import sys, chalicelib.stores.catalog; sys.exit('yaml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
