"""What is deployed: what is in the zip, and that AWS's own linter takes the template."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from chalicelib.actions.registry import signatures
from chalicelib.deploy import package as packaging
from chalicelib.deploy.bundle import runtime_pins, stage
from chalicelib.deploy.merge import merge_template
from chalicelib.errors import InputError
from chalicelib.settings import Settings
from chalicelib.stores.catalog import Catalog
from tests.unit.deploy.test_merge import ALARM, EVENT, book

ROOT = packaging.ROOT
ON_PYTHON = pytest.mark.skipif(sys.version_info[:2] != packaging.PYTHON, reason="packages are made with Python 3.13")


@pytest.fixture(name="made", scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Package as always, but without dependencies, which would have to be fetched."""
    staged = tmp_path_factory.mktemp("stage") / "project"
    staged.mkdir()
    stage(ROOT, staged)
    (staged / "requirements.txt").write_text("")
    runbooks = [*Catalog(ROOT / "runbooks", signatures()).all(), book("extra", when=[ALARM, EVENT])]
    (staged / "merge.json").write_text(json.dumps(merge_template(Settings(region="us-east-1"), runbooks)))
    packaging.run_chalice(staged)
    return staged / "out"


def in_zip(made: Path) -> set[str]:
    return set(zipfile.ZipFile(made / "deployment.zip").namelist())


def template(made: Path) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((made / "sam.yaml").read_text())
    return read


@ON_PYTHON
def test_the_zip_holds_the_app_and_every_runbook_and_nothing_of_the_sandbox_or_the_command(made: Path) -> None:
    names = in_zip(made)
    assert {f"runbooks/{path.name}" for path in (ROOT / "runbooks").glob("*.yaml")} <= names
    assert {"app.py", "chalice/app.py", "chalicelib/bootstrap.py", "chalicelib/engine/durable.py"} <= names
    left = ("chalicelib/sandbox", "chalicelib/cli", "chalicelib/deploy", "tests", "bench", "docs")
    assert [name for name in names if name.startswith(left) or "__pycache__" in name] == []


@ON_PYTHON
def test_what_is_in_the_zip_starts_and_finds_its_runbooks(made: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(made / "deployment.zip").extractall(tmp_path)
    code = "import app; s = app.services(); print(s.settings.runbooks, *[r.name for r in s.catalog.all()])"
    environment = {"AWS_REGION": "us-east-1", "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    directory, *names = done.stdout.split()
    assert directory == str(tmp_path / "runbooks")
    assert names == sorted(path.stem for path in (ROOT / "runbooks").glob("*.yaml"))


@ON_PYTHON
def test_every_handler_has_its_own_role_name_and_log_retention(made: Path) -> None:
    found = template(made)["Resources"]
    functions = {name: each["Properties"] for name, each in found.items() if each["Type"].endswith("::Function")}
    assert set(functions) == {"Run", "OnEvent", "OnSchedule", "APIHandler"}
    assert {each["Role"]["Fn::GetAtt"][0] for each in functions.values()} == {
        "RunRole",
        "OnEventRole",
        "OnScheduleRole",
        "APIHandlerRole",
    }
    assert {each["Runtime"] for each in functions.values()} == {"python3.13"}
    assert functions["Run"]["Timeout"] == 900
    for name in functions:
        assert found[f"{name.replace('API', 'Api')}LogGroup"]["Properties"]["RetentionInDays"] == 90


@ON_PYTHON
def test_awss_linter_has_nothing_to_say_about_the_template(made: Path) -> None:
    linter = Path(sys.executable).parent / "cfn-lint"
    done = subprocess.run([linter, made / "sam.yaml"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_only_what_runs_in_lambda_is_installed_there() -> None:
    pins = (ROOT / "requirements.txt").read_text().splitlines()
    wanted = (ROOT / "requirements.in").read_text().splitlines()
    names = {pin.partition("==")[0].lower() for pin in runtime_pins(pins, wanted)}
    assert {"boto3", "pydantic", "pyyaml", "aws-durable-execution-sdk-python", "aws-xray-sdk", "tzdata"} <= names
    assert names & {"chalice", "typer", "rich", "moto", "inquirer", "wheel"} == set()


def test_a_needed_package_without_a_pin_is_named() -> None:
    with pytest.raises(InputError) as caught:
        runtime_pins(["pydantic==2.0"], ["pydantic==2.0"])
    assert caught.value.code == "package.unpinned"
    assert "pydantic-core" in caught.value.message


def test_another_python_is_refused_with_the_reason() -> None:
    with pytest.raises(InputError) as caught:
        packaging.check_python((3, 12))
    assert caught.value.code == "package.python"
    assert "3.13" in caught.value.message


def test_an_incomplete_project_is_refused_with_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        stage(tmp_path, tmp_path / "target")
    assert "app.py" in caught.value.message


def test_what_chalice_says_when_it_fails_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        packaging.run_chalice(tmp_path)
    assert caught.value.code == "package.chalice"


def test_wrong_usage_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert packaging.main(["--help"]) == 2
    assert "usage" in capsys.readouterr().err


def test_a_setting_that_cannot_be_deployed_ends_with_2_and_in_words(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LIFEBOAT_RUN_FUNCTION", "no-alias")
    assert packaging.main([str(tmp_path / "out")]) == 2
    assert "package.python" in (said := capsys.readouterr().err) or "settings.run_function" in said
