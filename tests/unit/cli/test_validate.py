"""`lifeboat validate`: valid runbooks end with 0, anything else with 2 and the place of each problem."""

from __future__ import annotations

from pathlib import Path

from chalicelib.settings import Settings
from tests.unit.cli.conftest import Lifeboat

BROKEN = "version: 1\nname: broken\nguard: {regions: [us-east-1]}\nsteps:\n  - {id: a, uses: ebs.create_snapshot}\n"


def test_the_shipped_runbooks_are_valid(lifeboat: Lifeboat) -> None:
    ended = lifeboat("validate")
    assert ended.code == 0
    assert "nightly-backup: valid" in ended.out


def test_a_problem_is_told_with_file_line_and_column(lifeboat: Lifeboat, books: str) -> None:
    file = Path(books, "broken.yaml")
    file.write_text(BROKEN)
    ended = lifeboat("validate", "--runbooks", books)
    assert ended.code == 2
    assert f"{file}:5:" in ended.out
    assert "ebs.create_snapshots" in ended.out
    assert "backup: valid" in ended.out


def test_the_document_has_every_runbook_and_its_problems(lifeboat: Lifeboat, books: str) -> None:
    Path(books, "broken.yaml").write_text(BROKEN)
    ended = lifeboat("validate", "--runbooks", books, "--json")
    assert ended.code == 2
    valid = {each["runbook"]: each["valid"] for each in ended.document["runbooks"]}
    assert valid == {"backup": True, "broken": False, "cautious": True}
    [broken] = [each for each in ended.document["runbooks"] if not each["valid"]]
    assert broken["problems"][0]["line"] == 5


def test_a_file_anywhere_can_be_checked(lifeboat: Lifeboat, books: str, tmp_path: Path) -> None:
    assert lifeboat("validate", f"{books}/backup.yaml").code == 0
    missing = lifeboat("validate", str(tmp_path / "nowhere.yaml"))
    assert missing.code == 2
    assert "nowhere.yaml" in missing.out


def test_an_unknown_name_says_what_was_meant(lifeboat: Lifeboat, books: str) -> None:
    ended = lifeboat("validate", "bakcup", "--runbooks", books)
    assert ended.code == 2
    assert "did you mean 'backup'?" in ended.out


def test_a_directory_without_runbooks_is_no_success(lifeboat: Lifeboat, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert lifeboat("validate", "--runbooks", str(tmp_path / "empty")).code == 2
    assert lifeboat("validate", "--runbooks", str(tmp_path / "missing")).code == 2


def test_an_rpo_that_the_schedule_cannot_keep_is_a_warning_and_no_fault(lifeboat: Lifeboat, tmp_path: Path) -> None:
    shipped = Settings().runbooks / "nightly-backup.yaml"
    (tmp_path / shipped.name).write_text(shipped.read_text().replace("rpo: 30h", "rpo: 24h"))
    told = lifeboat("validate", "--runbooks", str(tmp_path), "--json")
    [found] = told.document["runbooks"]
    assert (told.code, found["valid"], len(found["warnings"])) == (0, True, 1)
    assert "warning: objectives.rpo is 1d" in lifeboat("validate", "--runbooks", str(tmp_path)).out
    assert lifeboat("validate", "nightly-backup", "--json").document["runbooks"][0]["warnings"] == []
