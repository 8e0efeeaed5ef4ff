"""A night that is paused, stopped and continued over the API while it is at work: nothing twice, nothing missing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from chalicelib.cli.serve import QueueLauncher, _gateway
from chalicelib.engine.local import drive
from tests.scenarios.conftest import AWAY, HOME, Stage

NIGHT, KEY = "nightly-backup", {"idempotency-key": "midway"}
TICKS = 8  # looked at while it is paused


class Api:
    """The API's routes, without a socket."""

    def __init__(self, stage: Stage) -> None:
        self.launcher = QueueLauncher()
        stage.services = replace(stage.services, launcher=self.launcher)
        stage.services.engine.launcher = stage.services.starter.launcher = self.launcher
        self.gateway, self.stage = _gateway(stage.services), stage

    def ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        given = {"content-type": "application/json", **(headers or {})}
        text = b"" if body is None else json.dumps(body).encode()
        told = self.gateway.handle_request(method, path, given, text)
        assert told["statusCode"] < 300, told["body"]
        return json.loads(told["body"])

    def start(self) -> Any:
        return self.ask("POST", f"/runbooks/{NIGHT}/runs", {}, KEY)

    def counts(self, run_id: str) -> dict[str, Any]:
        return {step["id"]: step["counts"] for step in self.ask("GET", f"/runs/{run_id}")["steps"]}

    def made(self, run_id: str) -> tuple[int, int]:
        """Return how many snapshots of the run there are at home and away, in whatever state: by AWS itself."""
        here, there = (
            sum(len(self.stage.snapshots(region, run_id, state)) for state in ("pending", "completed"))
            for region in (HOME, AWAY)
        )
        return here, there


def test_paused_in_the_middle_nothing_more_is_made_stopped_it_ends_whole_and_the_same_key_goes_on(
    stage: Stage,
) -> None:
    api = Api(stage)
    run_id = api.start()["run_id"]
    seen: list[tuple[int, int]] = []

    def meanwhile() -> None:
        copies = api.counts(run_id)["copies"]
        if not seen and 0 < copies["applied"] < copies["planned"]:
            api.ask("POST", "/pause", {"runbook": NIGHT, "reason": "an audit"})
            seen.append(api.made(run_id))
        elif 0 < len(seen) <= TICKS:
            seen.append(api.made(run_id))
            assert api.ask("GET", f"/runs/{run_id}")["paused"]["reason"] == "an audit"
        elif len(seen) == TICKS + 1:
            api.ask("POST", f"/runs/{run_id}/stop", {"reason": "enough"})
            seen.append(api.made(run_id))

    _driven(stage, api, meanwhile)
    assert len(seen) == TICKS + 2
    assert len(set(seen)) == 1  # not one more since the pause
    assert 0 < seen[0][1] < seen[0][0]
    _is_whole(api.ask("GET", f"/runs/{run_id}"))
    api.ask("POST", "/resume", {"runbook": NIGHT})
    assert api.start() == {"run_id": run_id, "state": "running", "how": "continued"}
    assert api.start()["how"] == "existing"
    _driven(stage, api, lambda: None)
    assert api.ask("GET", f"/runs/{run_id}")["state"] == "succeeded"
    protected = set(stage.estate["protected"])
    assert stage.backed_up(run_id) == (protected, protected)
    assert api.made(run_id) == (len(protected), len(protected))
    assert api.start() == {"run_id": run_id, "state": "succeeded", "how": "existing"}


def _is_whole(record: Any) -> None:
    assert (record["state"], record["code"], record["message"]) == ("stopped", "run.stopped", "enough")
    states = {step["id"]: step["state"] for step in record["steps"]}
    assert (states["snapshots"], states["copies"], states["always-1"]) == ("succeeded", "stopped", "succeeded")
    assert all(step["ended_at"] for step in record["steps"] if step["state"] not in {"skipped", "waiting"})


def _driven(stage: Stage, api: Api, meanwhile: Any) -> None:
    """Drive what the API has launched, as a durable execution would."""
    run_id, generation = api.launcher.wanted.get(block=False)
    run = stage.services.ledger.load(run_id)
    assert run is not None
    assert run.generation == generation
    drive(stage.services.engine, run, meanwhile)
