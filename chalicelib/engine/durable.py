"""Drives a run on AWS Lambda durable functions: the same loop as on a laptop, with waits that cost nothing.

Everything outside a step runs again each time that Lambda resumes the execution, so `drive` holds the loop and nothing
else; what has an effect, logs or measures stands in `work`, inside a step. Steps run at least once, and a slice of a
run may be repeated at any point, so that is all that is needed. A tick costs two of the 3,000 operations that one
execution may have (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

from aws_durable_execution_sdk_python.config import Duration, StepConfig
from aws_durable_execution_sdk_python.retries import RetryDecision

from chalicelib.errors import ActionError, InputError, LifeboatError, StoreError, SupersededError
from chalicelib.telemetry import logger

if TYPE_CHECKING:
    from aws_durable_execution_sdk_python import DurableContext

    from chalicelib.engine.advance import Engine

PASSING_ATTEMPTS = 8  # of a tick that the ledger or AWS failed: 2, 4, ... 60 s apart, about three minutes together
OTHER_ATTEMPTS = 3  # of a tick that failed for any other reason
LONGEST_DELAY_S = 60
WORKING = "working"
SETTLE = "settle"  # an execution whose input has this key does what runs owe, and drives none


class DrivesRuns(Protocol):
    """The part of the joined services that an execution needs."""

    @property
    def engine(self) -> Engine:
        """Carries runs out."""
        ...


@dataclass(frozen=True)
class Order:
    """What an execution is to drive."""

    run_id: str
    generation: int

    @classmethod
    def of(cls, event: Any) -> Order:
        """Read an execution's input, `{"run_id": ..., "generation": ...}`.

        Raises:
            InputError: it is something else (`execution.bad_input`).
        """
        run_id, generation = (event.get("run_id"), event.get("generation")) if isinstance(event, Mapping) else ("", 0)
        if not isinstance(run_id, str) or not run_id or type(generation) is not int or generation < 1:
            raise InputError(
                "execution.bad_input",
                'An execution is given {"run_id": text, "generation": number from 1}; start runs through Lifeboat.',
            )
        return cls(run_id, generation)


def drive(context: DurableContext, event: Any, services: Callable[[], DrivesRuns]) -> dict[str, Any]:
    """Drive one generation of a run until it ends, is handed over, or turns out to be somebody else's.

    Args:
        context: The durable execution. Operations are named `tick-<n>` and `wait-<n>`.
        event: The execution's input, see `Order.of`.
        services: Builds what is needed, or returns it as built before; called inside steps only.

    Returns:
        JSON-safe, well below 1 KB: `outcome` is `ended` (with the run's `state`, also when it failed), `handed_over`,
        `superseded`, `unknown_run`, `bad_input`, or `settled` when it was to do what runs owe.

    Raises:
        StepError: a tick failed for good, e.g. because the ledger cannot be reached. The sweeper restarts the run.
    """
    context.set_logger(logger)
    number = 0
    while True:
        number += 1
        tick = context.step(lambda _: work(event, services), name=f"tick-{number}", config=TICK)
        if tick["outcome"] != WORKING:
            return tick
        context.wait(Duration.from_seconds(max(1, tick["wait_s"])), name=f"wait-{number}")


def work(event: Any, services: Callable[[], DrivesRuns]) -> dict[str, Any]:
    """Work one slice of a run. Safe to repeat: the ledger and AWS know what was done.

    An execution drives only a run that names it as its holder, or that it has just handed over. So a run that somebody
    released, or took over with the same generation's number, is left alone.

    Raises:
        StoreError: the ledger cannot be reached.
        ActionError: AWS cannot be reached, or refused to start the successor for now.
    """
    try:
        if isinstance(event, Mapping) and SETTLE in event:
            return {"outcome": "settled", "tried": len(services().engine.debts.sweep())}
        order = Order.of(event)
        return {**asdict(order), **_tick(order, services())}
    except SupersededError as error:
        logger.info("execution superseded", extra={"error_code": error.code, "why": error.message})
        return {"outcome": "superseded", "why": error.message}
    except InputError as error:
        if error.code != "execution.bad_input":
            raise
        logger.error("execution refused", extra={"error_code": error.code, "why": error.message})
        return {"outcome": "bad_input", "why": error.message}
    except Exception as error:
        code = error.code if isinstance(error, LifeboatError) else type(error).__name__
        logger.exception("tick failed", extra={"error_code": code})
        raise


def _tick(order: Order, services: DrivesRuns) -> dict[str, Any]:
    logger.append_keys(run_id=order.run_id, generation=order.generation)
    run = services.engine.ledger.load(order.run_id)
    if run is None:
        logger.error("execution of an unknown run")
        return {"outcome": "unknown_run"}
    mine = services.engine.launcher.holder(order.run_id, order.generation)
    if not run.ended and run.generation == order.generation and run.holder != mine:
        raise SupersededError("run.superseded", f"Run '{run.run_id}' is held by '{run.holder}', not by '{mine}'.")
    tick = services.engine.advance(order.run_id, order.generation)
    if tick.ended:
        return {"outcome": "ended", "state": tick.state}
    if tick.generation != order.generation:
        return {"outcome": "handed_over", "successor": tick.generation}
    return {"outcome": WORKING, "wait_s": tick.wait_s}


def when_to_try_again(error: Exception, attempt: int) -> RetryDecision:
    """Decide whether a failed tick is tried again: what passes by itself eight times, anything else three times.

    What was asked for wrongly, or is not allowed, does not get better and is not tried again.

    Args:
        error: What the tick raised.
        attempt: How often it was tried, from 1.
    """
    passing = isinstance(error, StoreError | ActionError)
    if isinstance(error, LifeboatError) and not passing:
        return RetryDecision.no_retry()
    if attempt >= (PASSING_ATTEMPTS if passing else OTHER_ATTEMPTS):
        return RetryDecision.no_retry()
    return RetryDecision.retry(Duration.from_seconds(min(LONGEST_DELAY_S, 2**attempt)))


TICK = StepConfig(retry_strategy=when_to_try_again)


class LambdaLauncher:
    """Makes generations of runs execute as durable executions of one Lambda function.

    Args:
        client: Provides the Lambda client; called when an execution is started. Invoke with an execution's name may be
            sent twice.
        function: Name or ARN of the durable function with its published alias, e.g. `lifeboat-run:live`. An unpublished
            one would change under runs in flight.
    """

    def __init__(self, client: Callable[[], Any], function: str) -> None:
        self._client, self._function = client, function

    def start(self, run_id: str, generation: int) -> None:
        """Make sure that this generation's execution exists.

        Idempotent: the same name with the same payload is the same execution, see
        https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html (DurableExecutionName).

        Raises:
            ActionError: Lambda refused, throttled or did not answer; nothing is lost by trying again.
        """
        self._execute(_execution(run_id, generation), {"run_id": run_id, "generation": generation})

    def settle(self, slot: str) -> bool:
        """Have what runs owe done by an execution of the same function: it has the permissions, the sweeper has not.

        Idempotent: one execution per slot.

        Raises:
            ActionError: as `start`.
        """
        self._execute(f"owes_{slot}", {SETTLE: slot})
        return True

    def _execute(self, name: str, payload: Mapping[str, Any]) -> None:
        from chalicelib.aws.errors import translated

        with translated(f"{self._function}, execution {name}", service="lambda", sends=True):
            self._client().invoke(
                FunctionName=self._function,
                InvocationType="Event",
                DurableExecutionName=name,
                Payload=json.dumps(payload).encode(),
            )

    def holder(self, run_id: str, generation: int) -> str:
        """Return the name under which that execution holds the run."""
        return f"{EXECUTION}{_execution(run_id, generation)}"


EXECUTION = "execution:"  # what the name of a holder that is a durable execution starts with


def _execution(run_id: str, generation: int) -> str:
    """Name an execution; at most 64 characters of `[a-zA-Z0-9-_]`."""
    return f"{run_id}_{generation}"
