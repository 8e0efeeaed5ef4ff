"""`lifeboat sandbox`: broken and healed from another terminal; in it schedules reach Lifeboat by themselves."""

from __future__ import annotations

import json
import time
import urllib.request
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.cli.options import Place
from chalicelib.cli.playground import Loud, Playground
from chalicelib.cli.serve import served
from chalicelib.sandbox.client import Control
from tests.unit.cli.conftest import Lifeboat

NIGHTLY = """\
version: 1
name: nightly
when:
  - schedule: cron(0 3 * * ? *)
guard: {regions: [us-east-1]}
steps:
  - {id: points, uses: ebs.create_snapshots, with: {select: {tags: {backup: nightly}}, policy: test}}
"""
PATIENCE_S = 40


def test_a_zone_is_broken_and_healed(lifeboat: Lifeboat, box: Control) -> None:
    broken = lifeboat("sandbox", "break", "az", "use1-az1")
    assert broken.out.startswith("use1-az1 (us-east-1b) in us-east-1 is dark since 2031-")
    assert box.disaster("heal")["healed"][0]["zone_id"] == "use1-az1"
    lifeboat("sandbox", "break", "az", "us-east-1a")
    assert lifeboat("sandbox", "heal").out == "Healed: use1-az6.\n"
    assert lifeboat("sandbox", "heal").out == "Healed: nothing was broken.\n"


def test_an_instance_is_made_sick_and_well_again(lifeboat: Lifeboat, box: Control) -> None:
    lifeboat("sandbox", "break", "instance", "i-1")
    lifeboat("sandbox", "break", "instance", "i-2")
    assert box.weather()["sick"] == ["i-1", "i-2"]
    assert lifeboat("sandbox", "heal").out == "Healed: i-1, i-2.\n"
    assert box.weather()["sick"] == []


@pytest.mark.usefixtures("box")
def test_a_zone_that_is_not_there_is_refused(lifeboat: Lifeboat) -> None:
    ended = lifeboat("sandbox", "break", "az", "mars-1")
    assert ended.code == 2
    assert "no zone 'mars-1'" in ended.err


def test_without_a_sandbox_it_says_how_to_start_one(lifeboat: Lifeboat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIFEBOAT_SANDBOX_URL", "http://127.0.0.1:9")
    ended = lifeboat("sandbox", "heal")
    assert ended.code == 2
    assert "Start one with `lifeboat sandbox`" in ended.err


def test_in_it_a_schedule_starts_its_run_by_itself(
    box: Control, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "nightly.yaml").write_text(NIGHTLY)
    now = box.now()
    box.advance(to=now.replace(hour=2, minute=59, second=0) + timedelta(days=now.hour >= 3))
    place = Place(sandbox=True, runbooks=tmp_path)
    with served(0, place, box, journal=Loud, driver=Playground(box, 600).live) as url:
        found: list[Any] = []
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until and not (found and found[0]["state"] == "succeeded"):
            time.sleep(0.2)
            with urllib.request.urlopen(f"{url}/runs") as answer:  # noqa: S310 - this machine's own port
                found = json.load(answer)["runs"]
    [run] = found
    assert (run["runbook"], run["state"]) == ("nightly", "succeeded")
    assert "run ended: runbook nightly" in capsys.readouterr().out
