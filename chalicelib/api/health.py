"""The API's verb about health: does Lifeboat do its work?"""

from __future__ import annotations

from datetime import timedelta

from chalicelib.api.answers import Health, HealthCheck, Status
from chalicelib.api.service import Request, Serves
from chalicelib.domain.protection import unwatched
from chalicelib.domain.types import format_duration
from chalicelib.engine.breaches import PERIOD_MINUTES
from chalicelib.engine.sweeper import abandoned
from chalicelib.engine.watchdog import known_since
from chalicelib.errors import InputError, LifeboatError

WORST: tuple[Status, ...] = ("fail", "warn", "pass")
RUNS = 200  # most running runs looked at
NAMED = 5


def health(service: Serves, request: Request) -> Health:  # noqa: ARG001 - there is nothing to say
    """Look at the ledger, the runbooks, the runs under way, the pauses and what the watchdog found."""
    checks = [_ledger(service)]
    if checks[0].status == "pass":
        checks += [_runs(service), _pauses(service), *_watchdog(service), *_unwatched(service)]
    checks.append(_runbooks(service))
    status = next(one for one in WORST if any(check.status == one for check in checks))
    return Health(status=status, region=service.settings.region, checks=checks)


def _ledger(service: Serves) -> HealthCheck:
    try:
        service.ledger.pauses()
    except LifeboatError as error:
        return HealthCheck(name="ledger", status="fail", detail=error.message)
    return HealthCheck(name="ledger", status="pass", detail="The ledger answers.")


def _runs(service: Serves) -> HealthCheck:
    running, now = service.ledger.list_runs(limit=RUNS, running=True), service.clock.now()
    left = [run.run_id for run in running if abandoned(run, now, service.settings.pace.grace_s)]
    if left:
        said = f"Nobody drives {', '.join(left[:NAMED])}: the sweeper takes them over, or `lifeboat runs continue`."
        return HealthCheck(name="runs", status="warn", detail=said)
    return HealthCheck(name="runs", status="pass", detail=f"{len(running)} runs are under way.")


def _pauses(service: Serves) -> HealthCheck:
    pauses, now = service.ledger.pauses(), service.clock.now()
    if not pauses:
        return HealthCheck(name="pauses", status="pass", detail="Nothing is paused.")
    said = "; ".join(
        f"{one.runbook or 'all runbooks'} for {format_duration(now - one.at)} by {one.by}: {one.reason}"
        for one in pauses[:NAMED]
    )
    return HealthCheck(name="pauses", status="warn", detail=f"Paused: {said}.", at=pauses[0].at)


def _watchdog(service: Serves) -> list[HealthCheck]:
    """Return what the watchdog found, and whether it looks at all."""
    checks = [_beat(service)]
    for name, breach in service.ledger.breaches().items():
        checks.append(HealthCheck(name=name, status="fail", detail=breach.detail, at=breach.since))
    return checks


def _beat(service: Serves) -> HealthCheck:
    beat, now = service.ledger.last_beat(), service.clock.now()
    since = beat or known_since(service.ledger, now)
    late = now - since > 3 * timedelta(minutes=PERIOD_MINUTES)
    if beat is None:
        said = f"The watchdog has never looked at everything; Lifeboat is deployed for {format_duration(now - since)}."
        if late:
            said += " Look whether its schedule is enabled, and at the log of OnSchedule."
        return HealthCheck(name="watchdog", status="fail" if late else "warn", detail=said)
    said = f"The watchdog looked at everything {format_duration(now - beat)} ago"
    said += "; since then it is silent, or could not look: its log says which." if late else "."
    return HealthCheck(name="watchdog", status="fail" if late else "pass", detail=said, at=beat)


def _unwatched(service: Serves) -> list[HealthCheck]:
    """Return the steps whose points nobody can look for beforehand."""
    left = unwatched(service.catalog.valid(), service.settings.region)
    if not left:
        return []
    named = "; ".join(f"{one.step} of {one.runbook} ({one.why.rstrip('.')})" for one in left[:NAMED])
    said = f"The watchdog cannot look after the points of {len(left)} steps, since only a run can know them: {named}."
    return [HealthCheck(name="unwatched", status="warn", detail=said)]


def _runbooks(service: Serves) -> HealthCheck:
    broken = []
    for name in service.catalog.names():
        try:
            service.catalog.load(name)
        except InputError:
            broken.append(name)
    if broken:
        said = f"Not valid, so they never run: {', '.join(broken[:NAMED])}; see `lifeboat validate`."
        return HealthCheck(name="runbooks", status="fail", detail=said)
    return HealthCheck(name="runbooks", status="pass", detail="All runbooks are valid.")
