"""Looks whether what runs keep out of a zone is still kept out, as long as they owe its return.

Somebody who applies an older template, or cancels a shift, undoes an evacuation without knowing of it. What a run of
Lifeboat has in hand just now is left to that run: it looks itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chalicelib.actions.base import Action
from chalicelib.actions.evacuations import differences, kept_out_by
from chalicelib.domain.owing import Owed
from chalicelib.domain.run import Run
from chalicelib.engine.breaches import Look, watching
from chalicelib.errors import ActionError

One = tuple[str, Owed]  # the run's id, and what it owes


def drifts(look: Look, owing: Iterable[One]) -> ActionError | None:
    """Take in which evacuations have drifted; returns why some could not be looked at. Asks AWS only for what is owed.

    Raises:
        StoreError: the ledger could not be reached.
    """
    failed = None
    for (action, region), every in _by_place(owing).items():
        blind = f"watch.{action}.{region}"
        try:
            said = differences(action, region, [owed for _, owed in every], watching(look.engine, look.now))
        except ActionError as error:
            failed = failed or error
            for one in every:
                look.stays(_name(one))
            why = f"Nobody knows whether what runs keep out of a zone in {region} ({action}) stays out: {error.message}"
            first = look.engine.ledger.load(every[0][0])
            look.unseen(blind, first.runbook if first else action, why, error)
            continue
        for one, why in zip(every, said, strict=True):
            _take_in(look, one, why)
        look.found(blind, "", "")
    return failed


def _by_place(owing: Iterable[One]) -> dict[tuple[str, str], list[One]]:
    """Return what is to be looked at, by action and Region: the newest one about each thing, in order."""
    newest: dict[tuple[str, str, str], One] = {}
    for run_id, owed in owing:
        place = kept_out_by(owed)
        if place is None or owed.change is None:
            continue
        known = (*place, owed.change.key)
        if known not in newest or newest[known][1].since < owed.since:
            newest[known] = (run_id, owed)
    found: dict[tuple[str, str], list[One]] = {}
    for (action, region, _), one in sorted(newest.items(), key=lambda each: each[0]):
        found.setdefault((action, region), []).append(one)
    return found


def _name(one: One) -> str:
    run_id, owed = one
    return f"drift.{run_id}.{owed.name.removeprefix('return.')}"


def _take_in(look: Look, one: One, why: str) -> None:
    run_id, owed = one
    run = look.engine.ledger.load(run_id) if why else None
    if run is None:
        look.found(_name(one), "", "")
    elif _in_hand(look, run, owed):
        look.stays(_name(one))
    elif owed.name in look.engine.ledger.owed(run_id):  # read again: it may have been returned since
        told = (
            f"{why} Run {run_id} left it out of the zone, and `lifeboat undo {run_id}` takes that back. Was it ended "
        )
        told += f"on purpose: `lifeboat runs settle {run_id} {owed.name} --done WHY`."
        look.found(_name(one), run.runbook, told)


def _in_hand(look: Look, run: Run, owed: Owed) -> bool:
    """Whether a run is at work on it: the one that takes it back, or another one that has leased it."""
    action = look.engine.actions.get(owed.uses)
    kind = action.lease if isinstance(action, Action) else None
    targets: Sequence[str] = owed.change.targets if owed.change and kind else ()
    holders = {look.engine.ledger.leased(kind or "", target) for target in targets} - {"", run.run_id}
    return bool(holders) or bool(run.undo and not run.ended)
