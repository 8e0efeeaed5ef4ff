"""The entry points: a schedule comes in, a run has ended."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

import app
from bench.import_cost import NEVER, imported_by_app
from chalicelib.domain.run import RunState
from tests.fakes import toy_runbook
from tests.unit.engine.durable_lab import Lab, RunnerClock, runner

ROOT = Path(app.__file__).parent


class LambdaContext:
    """What Lambda tells a handler about itself."""

    function_name = "lifeboat-on-schedule"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:lifeboat-on-schedule"
    aws_request_id = "request-1"


def test_from_a_schedule_to_a_run_that_has_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    book = toy_runbook(name="nightly", when=[{"schedule": "rate(1 day)"}])
    (tmp_path / "nightly.yaml").write_text(json.dumps(book))
    with mock_aws(), runner() as at:
        lab = Lab({"runbooks": tmp_path}, RunnerClock(at))
        lab.open()
        monkeypatch.setattr(app, "services", lambda: lab.services)
        firing: dict[str, Any] = {"lifeboat": "schedule", "runbook": "nightly", "trigger": 0}
        firing["scheduled_at"] = lab.clock.now().isoformat()
        said = app.on_schedule(firing, LambdaContext())
        assert app.on_schedule(firing, LambdaContext())["runs"][0]["outcome"] == "existing"
        answers = lab.execute_all()
        run_id = said["runs"][0]["run_id"]
        run = lab.services.ledger.load(run_id)
    assert answers == [{"run_id": run_id, "generation": 1, "outcome": "ended", "state": "succeeded"}]
    assert run
    assert (run.state, run.cause.kind, run.cause.trigger) == (RunState.SUCCEEDED, "schedule", 0)
    assert sorted(lab.world.applied) == ["a", "b", "c"]


def test_an_alarm_that_no_runbook_is_for_is_answered_not_raised(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with mock_aws():
        lab = Lab({"runbooks": tmp_path})
        lab.open()
        monkeypatch.setattr(app, "services", lambda: lab.services)
        assert app.on_event({"source": "aws.ec2"}, LambdaContext())["outcome"] == "ignored"


def test_the_services_are_built_from_the_environment_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIFEBOAT_TABLE", "other")
    monkeypatch.setenv("LIFEBOAT_RUN_FUNCTION", "dr-run:live")
    app.services.cache_clear()
    try:
        services = app.services()
        assert services is app.services()
        assert services.settings.table == "other"
        assert services.launcher.holder("r", 2) == "execution:r_2"
        assert services.engine.launcher is services.starter.launcher is services.launcher
    finally:
        app.services.cache_clear()


def test_importing_the_app_loads_neither_the_command_nor_the_sandbox_nor_any_domain() -> None:
    loaded = imported_by_app()
    assert [name for name in loaded if name.startswith((*NEVER, "pydantic", "yaml", "chalicelib.domain"))] == []


def test_the_app_has_three_handlers_no_logic_and_at_most_120_lines() -> None:
    names = {handler.name for handler in app.app.pure_lambda_functions}
    assert names == {"run", "on_event", "on_schedule"}
    assert len((ROOT / "app.py").read_text().splitlines()) <= 120


def test_the_project_can_be_installed_from_the_pinned_requirements() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["dynamic"] == ["dependencies"]
    assert project["tool"]["setuptools"]["dynamic"]["dependencies"] == {"file": ["requirements.txt"]}
    pins = [line.partition("#")[0].strip() for line in (ROOT / "requirements.txt").read_text().splitlines()]
    assert [pin for pin in pins if pin and "==" not in pin] == []


def test_importing_the_app_makes_no_client_and_needs_no_region() -> None:
    code = "import app, sys; assert 'botocore.client' not in sys.modules or not app.services.cache_info().currsize"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
