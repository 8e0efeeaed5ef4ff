"""docs/operations.md says what is deployed."""

from __future__ import annotations

import re

from chalicelib.deploy.merge import EXECUTION_TIMEOUT_S, HISTORY_DAYS, merge_template
from chalicelib.deploy.package import ROOT
from chalicelib.engine.sweeper import AT_MOST
from chalicelib.settings import Limits, Pace, Settings
from chalicelib.telemetry import COUNTED
from tests.unit.deploy.test_merge import book

TEXT = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
HOME_MADE = {"region", "runbooks"}  # their defaults depend on where the code runs


def test_every_setting_is_listed_with_its_default_and_its_meaning() -> None:
    for model, prefix in ((Settings, "LIFEBOAT_"), (Limits, "LIFEBOAT_LIMITS__"), (Pace, "LIFEBOAT_PACE__")):
        for name, field in model.model_fields.items():
            if name in {"limits", "pace"}:
                continue
            default = ".*" if name in HOME_MADE else re.escape(f"`{field.default}`")
            row = rf"^\| `{prefix}{name.upper()}` \| {default} \| {re.escape(field.description or '')} \|$"
            assert re.search(row, TEXT, re.MULTILINE), row


def test_every_metric_is_listed_with_its_dimensions() -> None:
    for name, dimensions in COUNTED.values():
        shown = ", ".join(f"`{each}`" for each in dimensions)
        assert f"| `{name}` | {shown} |".replace("|  |", "| |") in TEXT


def test_every_alarm_is_explained() -> None:
    found = merge_template(Settings(region="us-east-1"), [book("x")])["Resources"]
    for name in (each.removesuffix("X") for each in found if each.startswith("Alarm")):
        assert re.search(rf"^\| `{name}(\.\.\.)?` \|", TEXT, re.MULTILINE), name


def test_the_numbers_are_those_of_the_code() -> None:
    assert f"| one generation | {EXECUTION_TIMEOUT_S // 86_400} days |" in TEXT
    assert f"| execution history | {HISTORY_DAYS} days |" in TEXT
    assert f"| {AT_MOST} running ones |" in TEXT
