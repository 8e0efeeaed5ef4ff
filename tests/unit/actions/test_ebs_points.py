"""What the EBS actions share about a point: its tags, its item, its expected end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.actions.ebs_points import duration_of, expected_at, items_of, own_tags
from chalicelib.domain.change import Effect
from chalicelib.domain.manifest import Manifest, parse
from tests.unit.actions.world import plain_context

NOW = datetime(2031, 1, 6, tzinfo=UTC)


def test_a_point_is_expected_after_its_size_at_the_assumed_rate() -> None:
    assert duration_of(100, 100) == timedelta(seconds=60 + 1024)
    assert expected_at(NOW, 0, 100) == NOW + timedelta(seconds=60)


def test_own_tags_say_what_is_known_and_leave_out_the_rest() -> None:
    point = {"policy": "nightly", "set_id": None, "set_size": 2, "point": "2031-01-06T00:00:00Z"}
    tags = own_tags(plain_context(), "lbeffect", point, None)
    assert tags == {
        "lifeboat:effect": "lbeffect",
        "lifeboat:run": "run-1",
        "lifeboat:policy": "nightly",
        "lifeboat:set-size": "2",
        "lifeboat:point": "2031-01-06T00:00:00Z",
    }


def test_own_tags_hold_the_manifest() -> None:
    manifest = Manifest(zone_id="use1-az1")
    tags = own_tags(plain_context(), "lb", dict.fromkeys(("policy", "set_id", "set_size", "point")), manifest)
    assert parse(tags["lifeboat:manifest.0"]) == manifest


@pytest.mark.parametrize("facts", [{}, {"items": "nonsense"}, {"items": {"vol-1": "nonsense"}}])
def test_an_effect_that_knows_no_items_has_none(facts: dict[str, object]) -> None:
    assert items_of(Effect.model_validate({"facts": facts})) == {}
