"""Finds runs in the ledger by what a person types, and makes their records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.errors import InputError

if TYPE_CHECKING:
    from chalicelib.bootstrap import Services
    from chalicelib.domain.report import RunRecord
    from chalicelib.domain.run import Run

SEARCHED = 500  # newest runs that a prefix or key is looked for in; a whole run id is always found


def record(services: Services, run: Run) -> RunRecord:
    """Return the record of a run as the ledger holds it now.

    Raises:
        StoreError: the ledger cannot be reached.
    """
    from chalicelib.engine.history import record as recorded

    return recorded(services.ledger, run, services.clock.now())


def find_run(services: Services, text: str) -> Run:
    """Return the one run that a text means: an id or key, or a beginning of one, or of an id's last part.

    Raises:
        InputError: none does (`run.unknown`), or several do (`run.ambiguous`), which are named.
    """
    run = services.ledger.load(text)
    if run:
        return run
    runs = services.ledger.list_runs(limit=SEARCHED)
    exact = [each for each in runs if text == each.key]
    found = exact or [each for each in runs if any(name.startswith(text) for name in _names(each))]
    if len(found) == 1:
        return found[0]
    region = services.settings.region
    if found:
        named = ", ".join(each.run_id for each in found[:5])
        raise InputError("run.ambiguous", f"'{text}' may mean {len(found)} runs: {named}. Write more of it.")
    raise InputError("run.unknown", f"There is no run '{text}' in {region}; see `lifeboat runs list`.")


def _names(run: Run) -> tuple[str, str, str]:
    return run.run_id, run.run_id.rsplit("_", 1)[-1], run.key
