"""The ledger: the truth about runs, in one DynamoDB table.

No transactions: one conditional write on the run's row is intent and fence at once (see `rows` for the layout), and
everything else is either never changed, or written by the holder only, or safe to write twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.domain.change import Change, Effect
from chalicelib.domain.run import Run, RunCause, RunState, StepRow, Stop
from chalicelib.errors import InputError, RefusedError, StoreError
from chalicelib.stores import rows
from chalicelib.stores.answers import Answers
from chalicelib.stores.claims import Claims, superseded
from chalicelib.stores.drills import Drills
from chalicelib.stores.pauses import Pauses
from chalicelib.stores.table import ConditionError
from chalicelib.stores.undoing import Undos
from chalicelib.stores.watch import Watch

JOIN_TRIES = 10
JOINED = 100  # most causes kept of a run that many join, e.g. a flapping alarm's; the newest stay
MINE = "{generation} = :generation AND {run_state} = :running"
RECORDED = 50  # most effects of one update: far below DynamoDB's 4 KB of expression, whatever parses it


class DynamoLedger(Claims, Pauses, Watch, Answers, Undos, Drills):
    """The ledger on DynamoDB; see `engine.ports.Ledger` for what each method promises."""

    keep_days = 400

    def create(self, run: Run, runbook: Mapping[str, Any]) -> Run:
        """Store a new run with its runbook and return `run` itself, or else the one that exists under its id."""
        pk = rows.run_key(run.run_id)
        try:
            self.table.put({"pk": pk, "sk": "BOOK", "body": json.dumps(runbook)}, unless_exists=True)
        except ConditionError:
            existing = self.load(run.run_id)
            if existing:
                return existing
        self.table.put({"pk": f"RUNS#{run.region}", "sk": f"{run.started_at.isoformat()}#{run.run_id}"})
        if not run.ended:
            self._mark_running(run)
        row = {"pk": pk, "sk": "RUN", **rows.run_values(run)}
        try:
            self.table.put(row, unless_exists=True)
        except ConditionError as other:
            return rows.run_from(other.found)
        return run

    def load(self, run_id: str) -> Run | None:
        """Return a run as it is now (consistent read)."""
        row = self.table.get(rows.run_key(run_id), "RUN")
        return rows.run_from(row) if row else None

    def runbook(self, run_id: str) -> dict[str, Any]:
        """Return the compiled runbook that the run was started with."""
        row = self.table.get(rows.run_key(run_id), "BOOK")
        if row is None:
            raise StoreError("store.no_runbook", f"Run '{run_id}' has no compiled runbook in the ledger.")
        book: dict[str, Any] = json.loads(row["body"])
        return book

    def take(self, run: Run, *, holder: str, beat_until: datetime, fence_until: datetime | None) -> Run:
        """Raise the generation and hold the run; SupersededError if somebody else did since `run` was read."""
        return self._seize(run, RunState.RUNNING, holder, beat_until, fence_until)

    def reopen(self, run: Run, *, holder: str, beat_until: datetime, fence_until: datetime | None) -> Run:
        """Make a stopped run running again, in its next round."""
        again = run.model_copy(
            update={
                "round": run.round + 1,
                "ended_at": None,
                "code": "",
                "message": "",
                "opened": {},
                "pause": None,  # its steps get fresh deadlines: a pause of an earlier round puts nothing off
                "paused_at": None,
            }
        )
        self._mark_running(run)
        return self._seize(again, RunState.STOPPED, holder, beat_until, fence_until)

    def _mark_running(self, run: Run) -> None:
        """Let the run be found among the running ones; written before the run itself, so that none is ever missed."""
        self.table.put({"pk": f"RUNNING#{run.region}", "sk": run.run_id})

    def intend(self, run: Run, at: datetime) -> None:
        """Record `run.intents` before effects, if this generation still holds a running run."""
        del at  # each intent says its own time
        condition = MINE if run.stop else f"{MINE} AND attribute_not_exists({{stop}})"
        self._guarded(run, {"intents": rows.intents_text(run)}, condition)

    def save(self, run: Run) -> Run:
        """Record the end of a slice, if this generation holds the run; returns it with the next tick's number."""
        saved = run.model_copy(update={"tick": run.tick + 1})
        return rows.run_from(self._guarded(run, rows.run_values(saved), MINE))

    def rest(self, run: Run) -> None:
        """Give up holding the run, so that another may take over without waiting for the beat to pass."""
        self._guarded(run, {"beat_until": 0}, MINE)

    def ask_stop(self, run_id: str, stop: Stop) -> None:
        """Ask a running run to stop. Asked twice is asked once; an ended run is left as it is."""
        try:
            self.table.update(
                rows.run_key(run_id),
                "RUN",
                {"stop": stop.model_dump_json()},
                when="attribute_exists({pk}) AND {run_state} = :running AND attribute_not_exists({stop})",
                running=RunState.RUNNING.value,
            )
        except ConditionError as unmet:
            if not unmet.found:
                raise InputError("run.unknown", f"There is no run '{run_id}' in the ledger.") from None

    def finish(self, run: Run, *, as_joined: bool = False) -> Run:
        """Record the terminal state, free what the run held, and let its rows expire if it owes nothing."""
        condition, known = rows.joined_as(run) if as_joined else ("", {})
        ended = run.model_copy(update={"tick": run.tick + 1, "holder": "", "beat_until": None, "intents": {}})
        found = rows.run_from(self._guarded(run, rows.run_values(ended), MINE + condition, **known))
        self.table.delete(f"RUNNING#{run.region}", run.run_id)
        self._let_expire(found)
        return found

    def release(self, run_id: str, reason: str) -> list[str]:
        """Break a run's leases and hold, strike out what it owes, and let it expire if it has ended."""
        released = super().release(run_id, reason)
        run = self.load(run_id)
        if run and run.ended:
            self._let_expire(run)
        return released

    def _let_expire(self, run: Run) -> None:
        """Let all rows of an ended run expire; not while it owes something, nor of one that can be continued."""
        if run.state is RunState.STOPPED or self.owed(run.run_id):
            return
        values = {"expires_at": rows.epoch((run.ended_at or run.started_at) + timedelta(days=self.keep_days))}
        for row in list(self.table.query(rows.run_key(run.run_id), keys_only=True)):
            self.table.update(row["pk"], row["sk"], values)

    def steps(self, run_id: str) -> list[StepRow]:
        """Return all step rows of a run."""
        found = self.table.query(rows.run_key(run_id), "STEP#")
        return [StepRow.model_validate_json(row["doc"]) for row in found]

    def commit_plan(self, run_id: str, row: StepRow, pages: Sequence[Sequence[Change]]) -> StepRow:
        """Store a plan, its step row last; returns the row that counts, which may be an earlier commit's."""
        self.table.put_many([rows.plan_row(run_id, row, n, page) for n, page in enumerate(pages)])
        try:
            self.table.put(rows.step_row(run_id, row), unless_exists=True)
        except ConditionError as other:
            return StepRow.model_validate_json(other.found["doc"])
        return row

    def save_step(self, run_id: str, row: StepRow) -> None:
        """Store a step row."""
        self.table.put(rows.step_row(run_id, row))

    def forget_steps(self, run_id: str, step_ids: Sequence[str]) -> None:
        """Remove step rows and their effects, so that a continued run plans these steps anew."""
        pk = rows.run_key(run_id)
        for step_id in step_ids:
            for row in list(self.table.query(pk, f"STATE#{step_id}#", keys_only=True)):
                self.table.delete(pk, row["sk"])
            self.table.delete(pk, f"STEP#{step_id}")

    def page(self, run_id: str, row: StepRow, number: int) -> list[Change]:
        """Return one page of the plan that a step row committed."""
        found = self.table.get(rows.run_key(run_id), rows.page_key(row, number))
        if found is None:
            raise StoreError("store.no_plan", f"Page {number} of step '{row.step_id}' of run '{run_id}' is missing.")
        return rows.changes_from(found)

    def effects(self, run_id: str, step_id: str, number: int) -> dict[str, Effect]:
        """Return the recorded effects of one page, by change key."""
        row = self.table.get(rows.run_key(run_id), f"STATE#{step_id}#{number:05d}")
        return rows.effects_from(row) if row else {}

    def record(self, run_id: str, step_id: str, number: int, effects: Mapping[str, Effect]) -> None:
        """Record effects of one page, 50 a call; cut short and repeated, it comes to the same."""
        values = [(f"k:{key}", rows.effect_text(effect)) for key, effect in effects.items()]
        for start in range(0, len(values), RECORDED):
            some = dict(values[start : start + RECORDED])
            self.table.update(rows.run_key(run_id), f"STATE#{step_id}#{number:05d}", some)

    def join(self, run_id: str, cause: RunCause) -> None:
        """Record that a further cause joined a run. The same cause twice is recorded once."""
        text = cause.model_dump_json()
        for _ in range(JOIN_TRIES):
            row = self.table.get(rows.run_key(run_id), "RUN")
            if row is None:
                raise StoreError("store.no_run", f"Run '{run_id}' is not in the ledger.")
            joined = list(row.get("joined", []))
            if text in joined:
                return
            unchanged = "{joined} = :seen" if joined else "attribute_not_exists({joined})"
            known = {"seen": joined} if joined else {}
            try:
                self.table.update(row["pk"], "RUN", {"joined": [*joined, text][-JOINED:]}, when=unchanged, **known)
            except ConditionError:
                continue  # another cause joined at the same moment
            return
        raise StoreError("store.busy", f"Too many causes join run '{run_id}' at once; deliver this one again.")

    def list_runs(self, *, limit: int, runbook: str | None = None, running: bool = False) -> list[Run]:
        """Return the newest runs first, at most `limit`."""
        found: list[Run] = []
        for run in self._running() if running else self._all_runs():
            if runbook is None or run.runbook == runbook:
                found.append(run)
            if len(found) >= limit:
                break
        return found

    def _all_runs(self) -> Iterator[Run]:
        return (run for _, run in self.runs_before(None, None, None))

    def runs_before(
        self, mark: str | None, since: datetime | None, until: datetime | None
    ) -> Iterator[tuple[str, Run]]:
        """Yield the runs that come after a mark, newest first, each with its own mark.

        Args:
            mark: Of the run before the first; None = the newest one.
            since: Only runs that started then or later.
            until: Only runs that started before.
        """
        first = until.astimezone(UTC).isoformat() if until else ""
        below = min((one for one in (mark, first) if one), default="")
        for row in self.table.query(f"RUNS#{self.region}", newest_first=True, below=below):
            began, run_id = row["sk"].split("#", 1)
            if since and datetime.fromisoformat(began) < since:
                return
            run = self.load(run_id)
            if run and run.started_at.isoformat() == began:  # else a start that was cut short, and made again later
                yield row["sk"], run

    def _running(self) -> list[Run]:
        """Return the running runs by an index of their own: there are few, however many have ended."""
        found = [self.load(row["sk"]) for row in self.table.query(f"RUNNING#{self.region}")]
        return sorted((run for run in found if run and not run.ended), key=lambda run: run.started_at, reverse=True)

    def _seize(self, run: Run, state: RunState, holder: str, beat_until: datetime, fence_until: datetime | None) -> Run:
        taken = run.model_copy(
            update={
                "state": RunState.RUNNING,
                "generation": run.generation + 1,
                "tick": run.tick + 1,
                "ticks": 0,
                "holder": holder,
                "beat_until": beat_until,
                "fence_until": fence_until,
            }
        )
        try:
            row = self.table.update(
                rows.run_key(run.run_id),
                "RUN",
                rows.run_values(taken),
                remove=("stop", "expires_at") if state is not RunState.RUNNING else (),
                when="{generation} = :generation AND {run_state} = :state AND {tick} = :tick",
                generation=run.generation,
                state=state.value,
                tick=run.tick,
            )
        except ConditionError as unmet:
            if unmet.found.get("holder") == holder and int(unmet.found["generation"]) == run.generation + 1:
                return rows.run_from(unmet.found)  # our own write, whose answer was lost
            raise superseded(run) from None
        return rows.run_from(row)

    def _guarded(self, run: Run, values: Mapping[str, Any], condition: str, **known: Any) -> dict[str, Any]:
        try:
            return self.table.update(
                rows.run_key(run.run_id),
                "RUN",
                values,
                when=condition,
                generation=run.generation,
                running=RunState.RUNNING.value,
                **known,
            )
        except ConditionError as unmet:
            found = unmet.found
            if int(found.get("generation", -1)) == run.generation:
                if found.get("stop") and found["run_state"] == RunState.RUNNING.value:
                    raise RefusedError("run.stopping", f"Run '{run.run_id}' was asked to stop.") from None
                if values.get("run_state") == found["run_state"] and int(found["tick"]) == run.tick + 1:
                    return found  # our own write, whose answer was lost
                if "joined" in condition and found["run_state"] == RunState.RUNNING.value:
                    raise RefusedError("run.joined", f"Another cause has joined run '{run.run_id}'.") from None
            raise superseded(run) from None
