"""`lifeboat coverage`: what does no runbook protect, and what is protected on paper only?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from chalicelib.cli import endings
from chalicelib.cli.options import Json, Local, RegionOption, Runbooks, Sandboxed, inputs_of, place_of
from chalicelib.errors import InputError

if TYPE_CHECKING:
    from chalicelib.actions.base import Verdict
    from chalicelib.bootstrap import Services

SHOWN = 50  # resources in the table; --json has all


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("coverage")(coverage)


def coverage(
    regions: Annotated[str, typer.Option("--regions", metavar="A,B", help="Where to look.", show_default=False)],
    group_by: Annotated[str, typer.Option("--group-by", metavar="TAG", help="Tag key to count by.")] = "Name",
    ignore: Annotated[
        list[str] | None, typer.Option("--ignore", metavar="K=V", help="A tag of what is knowingly not protected.")
    ] = None,
    local: Local = False,
    sandbox: Sandboxed = False,
    region: RegionOption = None,
    runbooks: Runbooks = None,
    as_json: Json = False,
) -> None:
    """Find every volume, instance and database that no runbook protects. Ends with 1 when there is one."""
    from chalicelib.cli.world import world

    asked = {
        "regions": [each.strip() for each in regions.split(",")],
        "group_by": group_by,
        "ignore": inputs_of(ignore),
    }
    place = place_of(local=local, sandbox=sandbox, region=region, runbooks=runbooks)
    with world(place) as services:
        found = _looked(services, asked)
    if as_json:
        findings = [finding.model_dump(mode="json") for finding in found.findings]
        endings.document({**found.outputs, "findings": findings})
    else:
        _show(found)
    raise typer.Exit(endings.SUCCEEDED if found.outputs["ok"] else endings.FAILED)


def _looked(services: Services, asked: dict[str, Any]) -> Verdict:
    from pydantic import ValidationError

    from chalicelib.actions.base import StepContext
    from chalicelib.actions.coverage import Coverage, CoverageInput
    from chalicelib.domain.protection import protections

    try:
        given = CoverageInput.model_validate(asked)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise InputError("usage.invalid", f"That does not fit: {wrong}.") from error
    now, settings = services.clock.now(), services.settings
    ctx = StepContext(
        run_id="coverage",
        step_id="coverage",
        runbook="coverage",
        region=settings.region,
        started_at=now,
        now=now,
        aws=services.aws.reading(),
        limits=settings.limits,
        protections=protections(services.catalog.valid(), settings.region),
    )
    return Coverage().check(given, ctx)


def _show(found: Verdict) -> None:
    from chalicelib.cli.paper import console, plain, table

    paper, said = console(), found.outputs
    groups = table("account", "Region", "tag", ">resources", ">uncovered")
    for one in said["groups"]:
        cells = (one["account"], one["region"], one["tag"], one["total"], one["uncovered"])
        groups.add_row(*(plain(str(cell)) for cell in cells))
    paper.print(groups)
    bad = [finding for finding in found.findings if not finding.ok]
    for finding in bad[:SHOWN]:
        paper.print(plain(finding.message), soft_wrap=True)
    if len(bad) > SHOWN:
        paper.print(f"... and {len(bad) - SHOWN} more; --json has all.")
    paper.print(
        f"{said['uncovered']} of {said['total']} resources are not covered; {said['ignored']} knowingly not protected."
    )
