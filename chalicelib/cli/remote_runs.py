"""`lifeboat runs` over the API."""

from __future__ import annotations

import typer

from chalicelib.cli import endings
from chalicelib.cli.remote import Desk, find
from chalicelib.cli.remote_run import followed
from chalicelib.cli.run import must_agree, must_be_asked, told

PAGE = 200


def list_there(where: Desk, runbook: str | None, limit: int, *, running: bool, as_json: bool) -> None:
    """List the newest runs first."""
    runs: list[dict[str, object]] = []
    following: str | None = None
    while len(runs) < limit:
        asked = {"runbook": runbook, "state": "running" if running else None, "next": following}
        page = where.ask("listRuns", asked={**asked, "limit": min(PAGE, limit - len(runs))})
        runs += page["runs"]
        following = page["next"]
        if following is None:
            break
    if as_json:
        endings.document({"runs": runs})
        return
    from chalicelib.cli.show import show_runs
    from chalicelib.domain.run import Run

    show_runs([Run.model_validate({k: v for k, v in run.items() if k != "paused"}) for run in runs])


def continue_there(where: Desk, which: str, *, ask: bool, as_json: bool) -> None:
    """Let a run go on, and follow it."""
    run_id = find(where, which)
    if ask:
        must_be_asked()
        must_agree(f"Continue run {run_id}?")
    asked = where.ask("continueRun", {"run_id": run_id})
    typer.echo(f"Run {run_id} {'goes on' if asked['asked'] else 'is being driven already'}.", err=True)
    found = followed(where, run_id)
    told(found, as_json=as_json)
    raise typer.Exit(endings.code_of(found))
