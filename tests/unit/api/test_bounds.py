"""A plan of any size fits an answer, and says what it leaves out."""

from __future__ import annotations

from datetime import UTC, datetime

from chalicelib.api.bounds import bounded
from chalicelib.domain.change import Change, ChangeKind
from chalicelib.engine.preview import Preview, StepPreview


def preview(changes: int, notes: int) -> Preview:
    made = tuple(
        Change(key=f"vol-{n}", kind=ChangeKind.CREATE, resource=f"vol-{n}", region="us-east-1", reason="wanted")
        for n in range(changes)
    )
    common = {"phase": "steps", "uses": "x.y", "group": 0, "status": "planned"}
    first = StepPreview.model_validate({**common, "id": "a", "changes": made, "notes": ["kept: é"] * notes})
    last = StepPreview.model_validate({**common, "id": "b", "notes": ["kept"]})
    return Preview(
        runbook="x",
        region="us-east-1",
        at=datetime(2031, 1, 6, tzinfo=UTC),
        inputs={},
        steps=(first, last),
        changes={"create": changes},
        resources=changes,
        data_gib=0,
        duration=None,
    )


def test_what_fits_is_left_as_it_is() -> None:
    assert bounded(preview(20, 20)) == preview(20, 20)


def test_what_does_not_fit_is_cut_and_counted_and_the_sums_stay() -> None:
    whole = preview(30_000, 30_000)
    assert len(whole.model_dump_json()) > 6_000_000
    found = bounded(whole)
    assert len(found.model_dump_json()) < 5_000_000
    for cut, step in zip(found.steps, whole.steps, strict=True):
        listed = len(cut.changes) + len(cut.notes)
        assert listed + cut.left_out == len(step.changes) + len(step.notes)
    assert found.steps[0].left_out > 0
    assert found.steps[0].changes == whole.steps[0].changes[: len(found.steps[0].changes)]
    assert found.changes == {"create": 30_000}
