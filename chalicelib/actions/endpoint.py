"""check.endpoint: does the service answer, as a client would ask it?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import ClassVar
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from chalicelib.actions.base import ActionModel, Check, StepContext, Verdict
from chalicelib.actions.patience import still_patient
from chalicelib.aws.endpoints import Address, Answer, forbidden, get
from chalicelib.domain.change import Finding
from chalicelib.domain.types import Duration

LONGEST = timedelta(seconds=20)


class EndpointGiven(ActionModel):
    """What is asked, and what must be answered."""

    url: str = Field(description="`http://` or `https://`; asked with GET.")
    status: int = Field(200, ge=100, le=599, description="The HTTP status that must come; redirects are not followed.")
    text: str = Field("", description="A text that must stand in the first 64 KiB of the answer.")
    timeout: Duration = Field(timedelta(seconds=5), description="How long the answer may take, at most 20s.")
    patience: Duration = Field(timedelta(minutes=5), description="How long it is asked again until it answers so.")

    @field_validator("url")
    @classmethod
    def _http_only(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("write an address that begins with http:// or https://")
        if parts.username is not None or any(letter.isspace() or not letter.isprintable() for letter in value):
            raise ValueError("an address has no user, password or spaces in it")
        _ = parts.port  # ValueError when it is no port
        return value

    @field_validator("timeout")
    @classmethod
    def _short(cls, value: timedelta) -> timedelta:
        if value > LONGEST:
            raise ValueError("at most 20s: what takes longer is not well")
        return value


class EndpointFound(ActionModel):
    """What was answered."""

    ok: bool = Field(description="Whether it answered as stated.")
    status: int = Field(description="The HTTP status; 0 when nothing was answered.")


class Endpoint(Check[EndpointGiven]):
    """Ask an HTTP or HTTPS address once, and look whether it answers as stated.

    Times in seconds. One GET, asked again until `patience` is over. Certificates are checked, redirects are not
    followed, and link-local, metadata and loopback addresses are never asked. The function needs a way to the address.
    """

    name: ClassVar[str] = "check.endpoint"
    given: ClassVar[type[ActionModel]] = EndpointGiven
    returns: ClassVar[type[ActionModel]] = EndpointFound
    permissions: ClassVar[tuple[str, ...]] = ()
    calls: ClassVar[str] = "None of AWS; one HTTP GET."

    def __init__(self, refuses: Callable[[Address], str] = forbidden) -> None:
        self._refuses = refuses

    def check(self, given: EndpointGiven, ctx: StepContext) -> Verdict:
        answer = get(given.url, given.timeout.total_seconds(), self._refuses)
        why = _objection(answer, given)
        if why:
            still_patient(ctx, given.patience, why)
        finding = Finding(
            resource=given.url,
            region=ctx.region,
            ok=not why,
            code="check.endpoint_unwell" if why else "",
            message=why or f"{given.url} answers {answer.status}.",
            facts={"status": answer.status},
        )
        return Verdict([finding], {"ok": not why, "status": answer.status})


def _objection(answer: Answer, given: EndpointGiven) -> str:
    if answer.trouble:
        return f"{given.url} does not answer: {answer.trouble}."
    if answer.status != given.status:
        return f"{given.url} answers {answer.status}, not {given.status}."
    if given.text not in answer.text:
        return f"{given.url} answers {answer.status}, but '{given.text}' does not stand in it."
    return ""
