"""`lifeboat pause`, `resume`, `health` and `recovery-points`: the API's other verbs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from chalicelib.cli import endings
from chalicelib.cli.options import Api, Json, Local, RegionOption, Sandboxed
from chalicelib.cli.remote import Desk, desk
from chalicelib.errors import InputError

Book = Annotated[str | None, typer.Argument(metavar="[RUNBOOK]", help="The runbook.", show_default=False)]
All = Annotated[bool, typer.Option("--all", help="All runs of the Region, instead of one runbook's.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; everybody who looks sees it.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("pause")(pause)
    app.command("resume")(resume)
    app.command("health")(health)
    app.command("recovery-points")(recovery_points)


def pause(
    reason: Reason,
    runbook: Book = None,
    everything: All = False,
    api: Api = None,
    local: Local = False,
    sandbox: Sandboxed = False,
    region: RegionOption = None,
    as_json: Json = False,
) -> None:
    """Hold runs back before their next effect, until `lifeboat resume`. What is in flight is still watched."""
    _one_or_all(runbook, everything=everything)
    with desk(api=api, local=local, sandbox=sandbox, region=region) as where:
        found = where.ask("pause", asked={"runbook": runbook, "all": everything, "reason": reason})
    _tell(found, as_json=as_json)


def resume(
    runbook: Book = None,
    everything: All = False,
    api: Api = None,
    local: Local = False,
    sandbox: Sandboxed = False,
    region: RegionOption = None,
    as_json: Json = False,
) -> None:
    """Let paused runs go on: those of one runbook, or what a pause of --all holds back."""
    _one_or_all(runbook, everything=everything)
    with desk(api=api, local=local, sandbox=sandbox, region=region) as where:
        found = where.ask("resume", asked={"runbook": runbook, "all": everything})
    _tell(found, as_json=as_json)


def _one_or_all(runbook: str | None, *, everything: bool) -> None:
    if (runbook is None) is not everything:
        raise InputError("usage.which", "Name one runbook, or say --all; nothing means nothing.")


def _tell(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        endings.document(found)
        return
    for one in found["resumed"]:
        typer.echo(
            f"Resumed: {one['runbook'] or 'all runbooks'}, paused at {one['at']} by {one['by']}: {one['reason']}"
        )
    for one in found["paused"]:
        typer.echo(f"Paused: {one['runbook'] or 'all runbooks'}, since {one['at']} by {one['by']}: {one['reason']}")
    if not found["paused"]:
        typer.echo("Nothing is paused.")


def health(
    api: Api = None,
    local: Local = False,
    sandbox: Sandboxed = False,
    region: RegionOption = None,
    as_json: Json = False,
) -> None:
    """Say whether Lifeboat does its work: ledger, runbooks, runs, pauses, watchdog. Ends with 1 when it does not."""
    with desk(api=api, local=local, sandbox=sandbox, region=region) as where:
        found = where.ask("health")
    if as_json:
        endings.document(found)
    else:
        for check in found["checks"]:
            typer.echo(f"{check['status']:5} {check['name']}: {check['detail']}")
    raise typer.Exit(endings.FAILED if found["status"] == "fail" else endings.SUCCEEDED)


def recovery_points(
    resource: Annotated[str | None, typer.Option("--resource", help="Only those of a volume or database.")] = None,
    where_region: Annotated[str | None, typer.Option("--in", metavar="REGION", help="Where they are.")] = None,
    policy: Annotated[str | None, typer.Option("--policy", help="Only those of this policy.")] = None,
    max_age: Annotated[str | None, typer.Option("--max-age", help="Only those not older, e.g. 24h.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most so many.")] = 100,
    api: Api = None,
    local: Local = False,
    sandbox: Sandboxed = False,
    region: RegionOption = None,
    as_json: Json = False,
) -> None:
    """List what there is to restore from, in one Region."""
    asked = {"resource": resource, "region": where_region, "policy": policy, "max_age": max_age}
    with desk(api=api, local=local, sandbox=sandbox, region=region) as where:
        points = _all_points(where, asked, limit)
    if as_json:
        endings.document({"points": points})
        return
    from chalicelib.cli.paper import console, plain, table

    rows = table("resource", "snapshot", "point in time", ">age", "state", "policy")
    for one in points:
        age = f"{one['age_s'] // 3600}h {one['age_s'] % 3600 // 60}m"
        state = one["flaw"] or one["state"]
        rows.add_row(
            *(plain(str(cell)) for cell in (one["resource"], one["snapshot"], one["at"], age, state, one["policy"]))
        )
    console().print(rows)


def _all_points(where: Desk, asked: dict[str, Any], limit: int) -> list[dict[str, Any]]:
    points: list[dict[str, Any]] = []
    following: str | None = None
    while len(points) < limit:
        page = where.ask(
            "listRecoveryPoints", asked={**asked, "limit": min(200, limit - len(points)), "next": following}
        )
        points += page["points"]
        following = page["next"]
        if following is None:
            break
    return points[:limit]
