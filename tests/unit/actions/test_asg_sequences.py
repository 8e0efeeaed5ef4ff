"""Whatever happens to a group meanwhile, asg.replace_unhealthy never takes it below its minimum."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings

from chalicelib.sandbox.client import Control
from tests.rotations import MENDED, TIGHT, Lab, Script, scripts, told


@pytest.fixture(name="lab", scope="module")
def _lab(_grouped: tuple[Control, dict[str, Any]]) -> Lab:
    return Lab(*_grouped)


@settings(max_examples=9, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(script=scripts(most=5))
@example(script=TIGHT)
@example(script=MENDED)
def test_no_sequence_of_changes_makes_it_go_too_far(lab: Lab, script: Script) -> None:
    story = lab.played(script)
    assert not story.wrong, told(story, script)
