"""Which databases are meant: never all by accident, members by their cluster, the missing by name."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from chalicelib.actions.rds_selection import DatabaseSelector, selected
from chalicelib.errors import InputError
from tests.unit.actions.world import HOME, World

NIGHTLY = {"tags": {"backup": "nightly"}}


@pytest.fixture(name="estate")
def _estate(world: World) -> World:
    world.control.estate("databases")
    return world


def chosen(world: World, **wanted: Any) -> list[str]:
    return [one.resource for one in selected(world.aws, HOME, DatabaseSelector.model_validate(wanted)).databases]


def test_databases_are_selected_by_tag_name_and_engine(estate: World) -> None:
    assert chosen(estate, **NIGHTLY) == ["cluster:events", "db:accounts", "db:orders"]
    assert chosen(estate, tags={"app": ["lab", "shop"]}, engine="mysql") == ["db:orders", "db:scratch"]
    assert chosen(estate, instances=["Orders", "scratch"], **NIGHTLY) == ["db:orders"]
    assert chosen(estate, clusters=["events"]) == ["cluster:events"]
    assert chosen(estate, engine="aurora-postgresql") == ["cluster:events"]


def test_nothing_means_nothing() -> None:
    refused: list[dict[str, Any]] = [
        {},
        {"tags": {}},
        {"instances": []},
        {"tags": {"a": "b*"}},
        {"tags": {"": "x"}},
        {"engine": ""},
    ]
    for wanted in refused:
        with pytest.raises(ValidationError):
            DatabaseSelector.model_validate(wanted)


def test_hands_off_is_left_out_with_a_note_and_the_missing_are_named(estate: World) -> None:
    rds = estate.control.witness("rds", HOME)
    arn = rds.describe_db_instances(DBInstanceIdentifier="accounts")["DBInstances"][0]["DBInstanceArn"]
    rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "lifeboat:hands-off", "Value": ""}])
    found = selected(estate.aws, HOME, DatabaseSelector.model_validate(NIGHTLY))
    assert [one.name for one in found.databases] == ["events", "orders"]
    assert "db:accounts" in found.notes[0]
    named = DatabaseSelector.model_validate({"instances": ["orders", "gone", "events-1"]})
    failures = {one.resource: one.code for one in selected(estate.aws, HOME, named).failures}
    assert failures == {"db:gone": "action.resource_missing", "db:events-1": "action.cluster_member"}
    with pytest.raises(InputError, match="tag backup=weekly") as refused:
        selected(estate.aws, HOME, DatabaseSelector.model_validate({"tags": {"backup": "weekly"}}))
    assert refused.value.code == "action.nothing_selected"
