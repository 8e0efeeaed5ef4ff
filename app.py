"""Entry points only: schedules, alarms, events and the API's requests come in here, and the durable run. No logic.

Everything heavy is built when the first event arrives, once for each Lambda sandbox.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from aws_durable_execution_sdk_python import DurableContext, durable_execution
from chalice import Chalice
from chalice.app import ConvertToMiddleware

from chalicelib.api.blueprint import as_problems, blueprint
from chalicelib.engine.durable import LambdaLauncher, drive
from chalicelib.telemetry import LambdaJournal, logger, tracer

if TYPE_CHECKING:
    from chalicelib.bootstrap import Services

app = Chalice(app_name="lifeboat")
# Around every invocation, that is also around every resumption of a run: they see a failed run as an ordinary answer.
app.register_middleware(ConvertToMiddleware(logger.inject_lambda_context(clear_state=True)), "all")
app.register_middleware(ConvertToMiddleware(tracer.capture_lambda_handler(capture_response=False)), "all")


@cache
def services() -> Services:
    """Build the service from the environment, once for each Lambda sandbox. Tests put their own in its place."""
    from chalicelib.bootstrap import build
    from chalicelib.settings import Settings

    settings = Settings()
    launcher = LambdaLauncher(lambda: services().aws.client("lambda", settings.region, "write"), settings.run_function)
    return build(settings, journal=LambdaJournal(), launcher=launcher)


app.register_middleware(as_problems, "http")
app.register_blueprint(blueprint(lambda: services()))  # noqa: PLW0108 - looked up at each call, so that tests reach it


@app.lambda_function(name="run")
@durable_execution
def run(event: Any, context: DurableContext) -> dict[str, Any]:
    """Drive one generation of a run; started by `LambdaLauncher`, resumed by Lambda."""
    return drive(context, event, lambda: services())  # noqa: PLW0108 - looked up at each call, so that tests reach it


@app.lambda_function(name="on_event")
def on_event(event: Any, context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Start the runs that an alarm's change of state or another EventBridge event is for."""
    from chalicelib.engine.intake import on_event as take_in

    return take_in(event, services())


@app.lambda_function(name="on_schedule")
def on_schedule(event: Any, context: Any) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Start the run that a schedule is for, or sweep for runs whose execution died."""
    from chalicelib.engine.intake import on_schedule as take_in

    return take_in(event, services())
