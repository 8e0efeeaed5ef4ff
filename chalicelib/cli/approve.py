"""`lifeboat approve`, `decline` and `approvals`: people's answers to what steps ask."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from chalicelib.cli import endings
from chalicelib.cli.options import Api, Json, Local, RegionOption, Sandboxed
from chalicelib.cli.remote import Desk, desk, find
from chalicelib.errors import RefusedError

Which = Annotated[
    str, typer.Argument(metavar="RUN", help="Its id or key, or an unambiguous beginning of one.", show_default=False)
]
StepId = Annotated[str, typer.Argument(metavar="STEP", help="The step that waits.", show_default=False)]
Choice = Annotated[str, typer.Option("--choice", help="What you choose, where there is a choice.", show_default=False)]
Digest = Annotated[
    str, typer.Option("--digest", help="Of the question you looked at; left out: what is asked now, which is shown.")
]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is recorded with the run.", show_default=False)]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("approve")(approve)
    app.command("decline")(decline)
    app.command("approvals")(approvals)


def approve(
    which: Which,
    step: StepId,
    choice: Choice = "",
    digest: Digest = "",
    reason: Reason = "",
    api: Api = None,
    local: Local = False,
    sandbox: Sandboxed = False,
    region: RegionOption = None,
    as_json: Json = False,
) -> None:
    """Say yes to a step that waits for a person, or choose. The first answer wins; yours being another ends with 3."""
    with desk(api=api, local=local, sandbox=sandbox, region=region) as where:
        run_id = find(where, which)
        asked = {"digest": digest or _shown(where, run_id, step), "choice": choice, "reason": reason}
        found = where.ask("approve", {"run_id": run_id, "step": step}, asked)
    _tell(found, as_json=as_json)


def decline(
    which: Which,
    step: StepId,
    digest: Digest = "",
    reason: Reason = "",
    api: Api = None,
    local: Local = False,
    sandbox: Sandboxed = False,
    region: RegionOption = None,
    as_json: Json = False,
) -> None:
    """Say no to a step that waits for a person: it fails, and nothing of it is done. The first answer wins."""
    with desk(api=api, local=local, sandbox=sandbox, region=region) as where:
        asked = {"digest": digest, "reason": reason}
        found = where.ask("decline", {"run_id": find(where, which), "step": step}, asked)
    _tell(found, as_json=as_json)


def approvals(
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="The newest so many.")] = 50,
    api: Api = None,
    local: Local = False,
    sandbox: Sandboxed = False,
    region: RegionOption = None,
    as_json: Json = False,
) -> None:
    """List what waits for a person, newest first."""
    with desk(api=api, local=local, sandbox=sandbox, region=region) as where:
        found = _all(where, limit)
    if as_json:
        endings.document({"approvals": found})
        return
    from chalicelib.cli.show_question import show_questions

    show_questions(found)


def _all(where: Desk, limit: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    following: str | None = None
    while len(found) < limit:
        page = where.ask("listApprovals", asked={"limit": min(200, limit - len(found)), "next": following})
        found += page["approvals"]
        following = page["next"]
        if following is None:
            break
    return found


def _shown(where: Desk, run_id: str, step: str) -> str:
    """Show what is asked now, on stderr, and return its digest: an answer is about what was looked at.

    Raises:
        RefusedError: nothing is asked (`ask.not_waiting`), or it was answered before (`ask.answered`).
    """
    from chalicelib.cli.paper import console
    from chalicelib.cli.remote import record_at
    from chalicelib.cli.show_question import show_question
    from chalicelib.domain.answer import Answer

    record = record_at(where, run_id)
    found = next((one for one in record.steps if one.id == step), None)
    if found and found.question:
        show_question(found.question, console(stderr=True))
        return found.question.digest
    said: Answer | None = found.answer if found else None
    if said:
        raise RefusedError(
            "ask.answered", f"Step '{step}' was answered before: {said.told()}. The first answer counts."
        )
    asking = ", ".join(one.id for one in record.steps if one.question) or "none"
    raise RefusedError(
        "ask.not_waiting",
        f"Step '{step}' of run '{run_id}' ({record.state.value}) waits for nobody now; steps that do: {asking}.",
    )


def _tell(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        endings.document(found)
        return
    from chalicelib.domain.answer import Answer

    said = Answer.model_validate(found["answer"])
    typer.echo(f"Run {found['run_id']}: step {found['step']} was {said.told()}.")
