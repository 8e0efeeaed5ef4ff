"""Where the API's verbs are carried out: by the API over HTTPS, or in this process on a ledger that it can reach."""

from __future__ import annotations

import getpass
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlencode

from chalicelib.cli.options import place_of
from chalicelib.errors import ActionError, ErrorKind, InputError, LifeboatError, RefusedError

if TYPE_CHECKING:
    from chalicelib.bootstrap import Services
    from chalicelib.domain.report import RunRecord

TRIES = 4
AGAIN = frozenset({502, 503, 504, 429})  # of API Gateway itself
FORBIDDEN, CONFLICT, CLIENT, SERVER, UNAVAILABLE, TOO_LATE = 403, 409, 400, 500, 503, 504
SEARCHED = 200  # newest runs that a prefix or key is looked for in; a whole run id is always found


class Desk(Protocol):
    """Takes the API's verbs, by the names of their operations."""

    def ask(
        self,
        operation: str,
        path: Mapping[str, str] | None = None,
        asked: Mapping[str, Any] | None = None,
        key: str = "",
    ) -> dict[str, Any]:
        """Carry one verb out and return its answer.

        Args:
            operation: Its name, e.g. `listRuns`.
            path: The path's parameters.
            asked: The body, or the query.
            key: The `Idempotency-Key`.

        Raises:
            LifeboatError: as the verb, or because the API cannot be reached.
        """
        ...


class Remote:
    """The API over HTTPS, with the caller's own credentials. What is safe to repeat is tried again when AWS is busy."""

    def __init__(self, url: str, region: str | None) -> None:
        from chalicelib.aws.signing import Caller, region_of
        from chalicelib.settings import Settings

        self.caller = Caller()
        self.url = url.rstrip("/")
        self.region = region_of(url, region or Settings().region)

    def ask(
        self,
        operation: str,
        path: Mapping[str, str] | None = None,
        asked: Mapping[str, Any] | None = None,
        key: str = "",
    ) -> dict[str, Any]:
        """Send one request, and again while that is safe and of use."""
        from chalicelib.api.routes import ROUTES

        method, route = ROUTES[operation]
        for name, value in (path or {}).items():
            route = route.replace(f"{{{name}}}", quote(value, safe=""))
        given = {name: value for name, value in (asked or {}).items() if value is not None}
        reads = method == "GET"
        url = f"{self.url}{route}" + (f"?{urlencode(given, safe='', quote_via=quote)}" if reads and given else "")
        body = b"" if reads else json.dumps(given).encode()
        for attempt in range(TRIES):
            try:
                return self._once(method, url, body, key)
            except ActionError as error:
                if error.kind is not ErrorKind.THROTTLED or attempt == TRIES - 1:
                    raise
            time.sleep(2**attempt)
        raise AssertionError("not reached")  # pragma: no cover

    def _once(self, method: str, url: str, body: bytes, key: str) -> dict[str, Any]:
        from chalicelib.aws.signing import sent

        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        headers |= {"Idempotency-Key": key} if key else {}
        status, content = sent(method, url, body, headers, self.region, self.caller)
        try:
            found = json.loads(content or b"{}")
        except ValueError:
            found = None
        if isinstance(found, dict) and (status < CLIENT or "checks" in found):
            return found
        raise _problem(status, found, url)


def _problem(status: int, found: Any, url: str) -> LifeboatError:
    """Return the error that a problem document tells of, of the class that the engine would have raised."""
    told = found if isinstance(found, dict) else {}
    if "code" not in told:
        said = str(told.get("message") or told.get("Message") or "no words")[:300]
        if status == FORBIDDEN:
            advice = "Allow execute-api:Invoke on this API to your role, and look at URL, Region and clock."
            return RefusedError("api.forbidden", f"The API does not let you in ({said}). {advice}")
        if status == TOO_LATE and url.endswith("/plan"):
            advice = "`lifeboat plan --local` has no such limit."
            return ActionError("api.no_answer", f"The plan takes longer than API Gateway waits ({said}). {advice}")
        kind = ErrorKind.THROTTLED if status in AGAIN else ErrorKind.TERMINAL
        return ActionError("api.unexpected", f"{url} answered {status} ({said}): is it Lifeboat's API?", kind)
    code, detail, details = str(told["code"]), str(told.get("detail", "")), dict(told.get("details") or {})
    if status >= SERVER:
        passes = status == UNAVAILABLE  # any other is what Lifeboat has found out, and finds out again
        return ActionError(code, detail, ErrorKind.THROTTLED if passes else ErrorKind.TERMINAL, **details)
    return RefusedError(code, detail, **details) if status == CONFLICT else InputError(code, detail, **details)


class Here:
    """The same verbs in this process, on the ledger of a place."""

    def __init__(self, services: Services) -> None:
        self.services = services

    def ask(
        self,
        operation: str,
        path: Mapping[str, str] | None = None,
        asked: Mapping[str, Any] | None = None,
        key: str = "",
    ) -> dict[str, Any]:
        """Carry one verb out."""
        from pydantic import ValidationError

        from chalicelib.api.operations import BY_NAME
        from chalicelib.api.service import Request

        verb = BY_NAME[operation]
        given = {name: value for name, value in (asked or {}).items() if value is not None}
        try:
            checked = verb.asked.model_validate(given)
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise InputError("usage.invalid", f"That does not fit: {wrong}.") from error
        request = Request(checked, dict(path or {}), key, getpass.getuser())
        return dict(verb.verb(self.services, request).model_dump(mode="json"))


@contextmanager
def desk(*, api: str | None, local: bool, sandbox: bool, region: str | None) -> Iterator[Desk]:
    """Open the place where verbs are carried out.

    Raises:
        InputError: no place is named (`usage.where`).
    """
    from chalicelib.cli.world import world

    if is_remote(api, local=local, sandbox=sandbox):
        yield Remote(str(api), region)
        return
    with world(place_of(local=local, sandbox=sandbox, region=region)) as services:
        yield Here(services)


def is_remote(api: str | None, *, local: bool, sandbox: bool) -> bool:
    """Return True when the API is meant: it is named, and no other place is."""
    return bool(api) and not (local or sandbox)


def find(where: Desk, which: str) -> str:
    """Return the id of the one run that a text means: an id or key, or a beginning of one, or of an id's last part.

    Raises:
        InputError: none does (`run.unknown`), or several do (`run.ambiguous`).
    """
    runs = where.ask("listRuns", asked={"limit": SEARCHED})["runs"]
    exact = [run["run_id"] for run in runs if which in {run["run_id"], run["key"]}]
    alike = [
        run["run_id"]
        for run in runs
        if any(str(name).startswith(which) for name in (run["run_id"], run["run_id"].rsplit("_", 1)[-1], run["key"]))
    ]
    found = exact or alike
    if len(found) > 1:
        raise InputError("run.ambiguous", f"'{which}' may mean {len(found)} runs: {', '.join(found[:5])}.")
    return found[0] if found else which


def record_at(where: Desk, run_id: str) -> RunRecord:
    """Return a run's record."""
    from chalicelib.domain.report import RunRecord

    return RunRecord.model_validate(where.ask("showRun", {"run_id": run_id}))
