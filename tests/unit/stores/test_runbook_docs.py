"""Covers docs/runbooks.md: every example in it loads, and it names every key and type there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from chalicelib.actions.registry import signatures
from chalicelib.domain.runbook import AlarmTrigger, EventTrigger, Guard, Runbook, ScheduleTrigger, Step
from chalicelib.domain.runbook_inputs import InputType
from chalicelib.domain.template import RUN_FIELDS
from chalicelib.stores.catalog import compiled
from chalicelib.stores.yaml_strict import read

DOC = Path(__file__).parents[3] / "docs" / "runbooks.md"
BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", DOC.read_text(), re.MULTILINE | re.DOTALL)
AROUND: dict[str, Any] = {
    "version": 1,
    "name": "example",
    "guard": {"regions": ["us-east-1", "us-west-2"]},
    "steps": [{"id": "notice", "uses": "notify.send", "with": {"topic": "oncall"}}],
}


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split(":")[0])
def test_every_example_loads(block: str) -> None:
    part = read(block)
    assert part.faults == []
    whole = block if "version" in part.value else yaml.safe_dump({**AROUND, **part.value})
    compiled(whole, signatures(), file=DOC.name)


def test_the_examples_were_found() -> None:
    assert len(BLOCKS) >= 5


@pytest.mark.parametrize("model", [Runbook, Step, Guard, ScheduleTrigger, AlarmTrigger, EventTrigger])
def test_every_key_is_in_the_reference(model: Any) -> None:
    keys = {field.alias or name for name, field in model.model_fields.items()}
    assert [key for key in sorted(keys) if f"`{key}`" not in DOC.read_text()] == []


def test_every_input_type_and_fact_of_a_run_is_in_the_reference() -> None:
    text = DOC.read_text()
    assert [kind.value for kind in InputType if f"`{kind.value}`" not in text] == []
    assert [name for name in RUN_FIELDS if f"`${{{{ run.{name} }}}}`" not in text] == []
