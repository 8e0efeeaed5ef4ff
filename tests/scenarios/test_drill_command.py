"""`lifeboat drill`, here and through the API: shown, asked, rehearsed, refused."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.cli import drill as command
from chalicelib.cli.main import app
from chalicelib.cli.options import Place
from chalicelib.cli.serve import served
from tests.scenarios.drills import inventory
from tests.scenarios.test_database_drills import backed_up
from tests.shared_box import Prepared, with_estate
from tests.unit.cli.conftest import Ended, invoke

BOOK = "restore-drill"


@pytest.fixture(name="morning")
def _morning() -> Iterator[Prepared]:
    with with_estate(backed_up) as prepared:
        os.environ["LIFEBOAT_SANDBOX_URL"] = prepared[0].url
        yield prepared


def inputs_of(estate: dict[str, Any], **other: str) -> list[str]:
    given = {**estate["place"], "databases": "true", **other}
    return [word for name, value in given.items() for word in ("--input", f"{name}={value}")]


def drilled(estate: dict[str, Any], *more: str, **other: str) -> Ended:
    return invoke("drill", BOOK, "--sandbox", "--key", "k1", *inputs_of(estate, **other), *more)


def test_instances_and_databases_are_rehearsed_measured_and_removed(morning: Prepared) -> None:
    control, estate = morning
    before = inventory(control.witness)
    ended = drilled(estate, "--json")
    control.settle()
    assert ended.code == 0, ended.err
    found = ended.document
    assert (found["state"], found["mode"]) == ("succeeded", "drill")
    assert sorted(found["drill"]["rehearsed"]) == ["databases", "instances", "verify-1"]
    assert found["drill"]["left"] == 0
    assert {one["resource"] for one in found["recovered"]} > set(estate["protected_databases"])
    assert (found["objectives"]["rpo"]["met"], found["objectives"]["rto"]["met"]) == (True, True)
    assert inventory(control.witness) == before
    again = drilled(estate)
    assert again.code == 0
    assert "nothing is done again" in again.err
    assert "removed again:" in again.out


def test_what_it_would_do_is_shown_first_and_a_no_starts_nothing(
    morning: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    from typer.testing import CliRunner

    control, estate = morning
    before = inventory(control.witness)
    monkeypatch.setattr(command, "must_be_asked", lambda: None)
    os.environ |= {"AWS_ENDPOINT_URL": control.url, "COLUMNS": "160"}
    ended = CliRunner().invoke(app, ["drill", BOOK, "--local", *inputs_of(estate)], input="n\n")
    shown = ended.stderr
    assert ended.exit_code == 3, shown
    for word in ("A replacement in", "db:accounts", "Rehearse it?", "Nothing was started."):
        assert word in shown
    assert inventory(control.witness) == before
    control.settle()
    assert invoke("runs", "list", "--sandbox", "--runbook", BOOK, "--json").document["runs"] == []


@pytest.mark.parametrize(
    ("other", "code", "said"),
    [
        ({"security_group": ""}, 1, "drill.no_site"),  # its steps fail, and it goes on with the others
        ({"subnet": "live"}, 1, "drill.production_site"),
        ({"db_subnet_group": "shop-private"}, 1, "drill.production_site"),
        ({"databases": "perhaps"}, 2, "databases"),
        ({"nothing": "x"}, 2, "nothing"),
    ],
)
def test_a_place_that_is_missing_or_used_is_refused_and_wrong_inputs_are_named(
    morning: Prepared, other: dict[str, str], code: int, said: str
) -> None:
    control, estate = morning
    before = inventory(control.witness)
    if "subnet" in other:
        [one] = control.witness("ec2").describe_instances(InstanceIds=[estate["names"]["web-1"]])["Reservations"]
        other = {"subnet": one["Instances"][0]["SubnetId"]}
    ended = drilled(estate, "--json", **other)
    control.settle()
    assert (ended.code, said in ended.out) == (code, True), ended.out
    assert inventory(control.witness) == before


def test_a_runbook_without_a_place_for_drills_is_refused(morning: Prepared) -> None:
    ended = invoke("drill", "nightly-backup", "--sandbox", "--json")
    assert morning
    assert (ended.code, ended.document["error"]["code"]) == (3, "drill.no_site")


def test_through_the_api_it_is_planned_started_once_and_followed(morning: Prepared) -> None:
    control, estate = morning
    before = inventory(control.witness)
    given = inputs_of(estate, databases="false")
    with served(0, Place(sandbox=True)) as url:
        ended = invoke("drill", BOOK, "--api", url, "--yes", "--key", "k1", "--json", *given)
        assert (ended.code, ended.document["mode"]) == (0, "drill"), ended.err
        again = invoke("drill", BOOK, "--api", url, "--yes", "--key", "k1", "--json", *given)
        assert again.document["run_id"] == ended.document["run_id"]
        assert "existing" in again.err
        wrong = invoke("drill", "nightly-backup", "--api", url, "--yes", "--json")
        assert (wrong.code, wrong.document["error"]["code"]) == (3, "drill.no_site")
    control.settle()
    assert inventory(control.witness) == before
