"""Each invariant of retention bites: a rule that is broken on purpose is caught by it, on histories made at random."""

from __future__ import annotations

import pytest

from chalicelib.domain.retention import Retention
from tests.unit.domain.test_retention_histories import VARIANTS, caught

pytestmark = pytest.mark.sweep


@pytest.mark.parametrize(("variant", "invariant"), VARIANTS, ids=lambda one: getattr(one, "__name__", one))
def test_each_broken_rule_is_caught_by_its_invariant(variant: type[Retention], invariant: str) -> None:
    caught(variant.__name__, invariant, kind=variant)
