"""docs/actions.md says what the code says."""

from __future__ import annotations

from pathlib import Path

from chalicelib.actions.docs import render
from chalicelib.actions.registry import ACTIONS

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "actions.md"


def test_the_document_is_up_to_date() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == render(), "run `make docs`"


def test_every_action_has_its_section_with_all_fields_and_permissions() -> None:
    text = render()
    for name, action in ACTIONS.items():
        section = text.split(f"\n## {name}\n")[1].split("\n## ")[0]
        for field in (*action.given.model_fields, *action.returns.model_fields):
            assert f"| `{field}` |" in section
        for permission in action.permissions:
            assert f"`{permission}`" in section


def test_links_lead_to_sections() -> None:
    text = render()
    for name in ("SnapshotItem", "VolumeSelector", "Manifest", "VolumeFacts"):
        assert f"[{name}](#{name.lower()})" in text
        assert f"\n### {name}\n" in text
