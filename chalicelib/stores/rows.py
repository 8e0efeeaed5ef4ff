"""How runs, steps, changes and effects are written as items, and read again.

What others than the holder write (`stop`, `joined`) and what conditions need (`run_state`, `generation`, `tick`,
`intents`) are attributes of their own; the rest of a run is one document. Layout of the table:

| pk | sk | what |
|---|---|---|
| RUN#<run> | RUN | the run |
| RUN#<run> | BOOK | its compiled runbook, never changed |
| RUN#<run> | STEP#<step> | the step; written last when it is planned, that is what commits the plan |
| RUN#<run> | PLAN#<step>#<digest>#<page> | changes, never changed; the step's digest says which plan counts |
| RUN#<run> | STATE#<step>#<page> | effects, an attribute for each change |
| RUN#<run> | LEASE#<kind>#<resource> | that the run claimed it |
| RUN#<run> | OWES#<name> | an obligation |
| DRILLS#<region> | <run> | that a drill may have left something |
| OWING#<region> | <run>#<name> | for finding obligations that are open |
| RUNS#<region> | <time>#<run> | for listing, newest first |
| RUNNING#<region> | <run> | for finding the running ones; removed when a run ends |
| LEASE#<kind>#<resource> | LEASE | who has it |
| RUNBOOK#<region>#<name> | ACTIVE | its active or last triggered run |
| WATCH#<region> | SUCCESS#, FIRST#<runbook>, BREACH#<name>, BEAT | what the watchdog knows |
| TOLD#<region> | a notice's id | what became of telling it, by channel |
| UNTOLD#<region> | <run> | that the end of a run is still to be told |
| PAUSE#<region> | ALL, or RUNBOOK#<name> | that runs wait before their next effect |

Questions and answers: see `answers`.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from chalicelib.domain.change import Change, Effect
from chalicelib.domain.run import Run, RunCause, StepRow

PAGE_CHANGES = 200  # of a plan page; also the most ids of one filtered describe
PAGE_BYTES = 250_000  # well below DynamoDB's 400 KB for an item

_APART = {"run_id", "state", "generation", "tick", "stop", "joined", "intents", "holder", "beat_until"}


def run_key(run_id: str) -> str:
    """Return the partition of a run."""
    return f"RUN#{run_id}"


def epoch(moment: datetime | None) -> int:
    """Return seconds since 1970 rounded up, 0 for None."""
    return int(-(-moment.timestamp() // 1)) if moment else 0


def run_values(run: Run) -> dict[str, Any]:
    """Return the attributes that the holder writes."""
    return {
        "run_state": run.state.value,
        "generation": run.generation,
        "tick": run.tick,
        "holder": run.holder,
        "beat_until": epoch(run.beat_until),
        "intents": intents_text(run),
        "doc": run.model_dump_json(exclude=_APART, exclude_defaults=True),
    }


def joined_as(run: Run) -> tuple[str, dict[str, Any]]:
    """Return a condition, to be added to others, that no other causes have joined than the run knows of."""
    texts = [cause.model_dump_json() for cause in run.joined]
    condition = "{joined} = :joined" if texts else "attribute_not_exists({joined})"
    return f" AND {condition}", {"joined": texts} if texts else {}


def intents_text(run: Run) -> str:
    """Return the intents as they are stored."""
    return json.dumps(
        {step: [intent.model_dump(mode="json") for intent in intents] for step, intents in run.intents.items()}
    )


def run_from(row: dict[str, Any]) -> Run:
    """Read a run."""
    beat = int(row["beat_until"])
    return Run.model_validate(
        {
            **json.loads(row["doc"]),
            "run_id": row["pk"].removeprefix("RUN#"),
            "state": row["run_state"],
            "generation": int(row["generation"]),
            "tick": int(row["tick"]),
            "holder": row["holder"],
            "beat_until": datetime.fromtimestamp(beat, UTC) if beat else None,
            "intents": json.loads(row["intents"]),
            "stop": json.loads(row["stop"]) if row.get("stop") else None,
            "joined": [RunCause.model_validate_json(text) for text in row.get("joined", [])],
        }
    )


def step_row(run_id: str, step: StepRow) -> dict[str, Any]:
    """Return a step as an item."""
    return {
        "pk": run_key(run_id),
        "sk": f"STEP#{step.step_id}",
        "doc": step.model_dump_json(exclude_defaults=True),
    }


def paged(changes: Iterable[Change]) -> list[list[Change]]:
    """Cut a plan into pages of at most 200 changes and 250 KB."""
    pages: list[list[Change]] = []
    size = PAGE_BYTES
    for change in changes:
        length = len(change.model_dump_json(exclude_defaults=True))
        if size + length > PAGE_BYTES or len(pages[-1]) >= PAGE_CHANGES:
            pages.append([])
            size = 0
        pages[-1].append(change)
        size += length
    return pages


def page_key(step: StepRow, number: int) -> str:
    """Name a plan page by its plan's content: two that plan at once cannot overwrite each other's."""
    return f"PLAN#{step.step_id}#{step.digest}#{number:05d}"


def plan_row(run_id: str, step: StepRow, number: int, changes: Sequence[Change]) -> dict[str, Any]:
    """Return a plan page as an item."""
    text = "[" + ",".join(change.model_dump_json(exclude_defaults=True) for change in changes) + "]"
    body = zlib.compress(text.encode())  # a set of 40 volumes with 50 long tags each would not fit an item otherwise
    return {"pk": run_key(run_id), "sk": page_key(step, number), "body": body}


def changes_from(row: dict[str, Any]) -> list[Change]:
    """Read a plan page."""
    return [Change.model_validate(change) for change in json.loads(zlib.decompress(bytes(row["body"])))]


def effect_text(effect: Effect) -> str:
    """Return an effect as it is stored."""
    return effect.model_dump_json(exclude_defaults=True)


def effects_from(row: dict[str, Any]) -> dict[str, Effect]:
    """Read a page's effects, by change key."""
    return {name[2:]: Effect.model_validate_json(text) for name, text in row.items() if name.startswith("k:")}
