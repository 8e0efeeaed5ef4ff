"""check.targets: enough healthy targets, looked at again while there is patience."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.actions.base import Verdict
from chalicelib.actions.targets_check import Targets, TargetsFound, TargetsGiven
from chalicelib.errors import ActionError, ErrorKind
from tests.unit.actions.world import World

CHECK = Targets()
SHOP = {"select": {"tags": {"app": "shop", "tier": "web"}}}


@pytest.fixture(name="front")
def _front(world: World) -> dict[str, Any]:
    built: dict[str, Any] = world.control.estate("front")
    return built


def look(world: World, given: dict[str, Any] | None = None, **more: Any) -> Verdict:
    found = CHECK.check(TargetsGiven.model_validate({**SHOP, **(given or {})}), world.ctx(**more))
    TargetsFound.model_validate(found.outputs)
    return found


@pytest.mark.usefixtures("front")
def test_healthy_targets_are_well_and_too_few_are_not(world: World) -> None:
    assert look(world).outputs == {"ok": True, "healthy": 2, "bad": []}
    few = look(world, {"min_healthy": 3})
    assert (few.outputs["ok"], few.outputs["bad"]) == (False, ["shop-web"])
    assert few.findings[0].message == "shop-web has 2 healthy targets, and 3 are needed (2 healthy)."
    world.control.weather(sick=[world.estate["names"]["web-1"]])
    assert "1 healthy, 1 unhealthy" in look(world, {"min_healthy": 2}).findings[0].message


def test_a_target_in_a_zone_that_is_shifted_away_from_does_not_count(world: World, front: dict[str, Any]) -> None:
    zone = front["zone_ids"][world.estate["zones"][0]]
    world.truth(service="arc-zonal-shift").start_zonal_shift(
        resourceIdentifier=front["load_balancer"], awayFrom=zone, expiresIn="1h", comment="x"
    )
    found = look(world, {"min_healthy": 2})
    assert found.outputs == {"ok": False, "healthy": 1, "bad": ["shop-web"]}
    assert "1 shifted away" in found.findings[0].message


@pytest.mark.usefixtures("front")
def test_too_few_are_looked_at_again_while_there_is_patience(world: World) -> None:
    ctx = world.ctx()
    with pytest.raises(ActionError) as caught:
        look(world, {"min_healthy": 3}, opened_at=ctx.now)
    assert (caught.value.code, caught.value.kind) == ("check.not_yet", ErrorKind.BUSY)
    late = replace(ctx, opened_at=ctx.now - timedelta(minutes=10))
    given = TargetsGiven.model_validate({**SHOP, "min_healthy": 3})
    assert CHECK.check(given, late).outputs["ok"] is False


@pytest.mark.usefixtures("front")
def test_nothing_selected_is_not_well(world: World) -> None:
    found = look(world, {"select": {"tags": {"app": "lab"}}})
    assert [f.code for f in found.findings] == ["check.nothing_selected"]
    assert CHECK.name == "check.targets"
