"""What copies of databases' snapshots refuse before they ask AWS for anything."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from chalicelib.actions.rds_copies import CopyDatabaseSnapshots, CopyDatabaseSnapshotsInput
from chalicelib.actions.rds_copy_plan import copy_change
from chalicelib.actions.rds_points import DatabaseSnapshotItem
from chalicelib.errors import ActionError
from tests.unit.actions.world import AWAY, HOME, plain_context

ITEM = DatabaseSnapshotItem(
    item="snapshot:before",
    database="db:orders",
    identity="db:orders/db-1",
    region=HOME,
    snapshot="snapshot:before",
    arn=f"arn:aws:rds:{HOME}:123456789012:snapshot:before",
    point="2031-01-06T01:00:00Z",
)


@pytest.mark.parametrize(
    ("lacks", "code"), [({"point": None}, "action.point_unknown"), ({"arn": None}, "action.source_missing")]
)
def test_what_is_not_known_of_a_source_is_not_guessed(lacks: dict[str, None], code: str) -> None:
    change = copy_change(ITEM.model_copy(update=lacks), AWAY, None, None, {})
    with pytest.raises(ActionError) as refused:
        CopyDatabaseSnapshots().apply(change, {}, plain_context())
    assert (refused.value.code, refused.value.details["resource"]) == (code, "db:orders")


def test_an_expiry_without_a_policy_is_refused_since_nothing_would_ever_carry_it_out() -> None:
    with pytest.raises(ValidationError, match="needs a `policy`"):
        CopyDatabaseSnapshotsInput.model_validate({"snapshots": [], "to_region": AWAY, "expires": "10d"})
