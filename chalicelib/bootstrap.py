"""Settings -> Services: the only place where concrete things are built and joined. Tests and the CLI come here too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.actions.registry import ACTIONS, INTERNAL, signatures
from chalicelib.aws.clients import Aws
from chalicelib.domain.protection import protections
from chalicelib.domain.run import Run, StepRow
from chalicelib.engine.advance import Engine
from chalicelib.engine.clock import SystemClock
from chalicelib.engine.local import HereLauncher
from chalicelib.engine.ports import Clock, Journal, Launcher
from chalicelib.engine.scope import Actions
from chalicelib.engine.starter import Starter
from chalicelib.errors import InputError
from chalicelib.settings import Settings
from chalicelib.stores.catalog import Catalog
from chalicelib.stores.ledger import DynamoLedger
from chalicelib.stores.notices import Notices
from chalicelib.stores.rows import paged
from chalicelib.stores.table import Table


class Silence:
    """A journal that tells nobody."""

    def note(self, sentence: str, **fields: Any) -> None:
        """Say nothing."""

    def progress(self, run: Run, steps: Sequence[StepRow]) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Services:
    """Everything that entry points need, joined."""

    settings: Settings
    clock: Clock
    aws: Aws
    catalog: Catalog
    ledger: DynamoLedger
    starter: Starter
    engine: Engine
    launcher: Launcher
    actions: Actions


def build(
    settings: Settings | None = None,
    *,
    clock: Clock | None = None,
    journal: Journal | None = None,
    launcher: Launcher | None = None,
    prepare: Callable[[Any], None] | None = None,
    actions: Actions | None = None,
) -> Services:
    """Join the service.

    Args:
        settings: What the deployment decides; None = read from the environment.
        clock: Where time comes from; None = the real clock.
        journal: Who is told; None = nobody.
        launcher: Who makes runs execute; None = this process itself (the local loop).
        prepare: Called with the botocore session once, e.g. to attach the sandbox.
        actions: What steps can do; None = all that there are.

    Raises:
        InputError: no Region is set.
    """
    settings = settings or Settings()
    if not settings.region:
        raise InputError("settings.no_region", "No Region is set: give --region, or set AWS_REGION or LIFEBOAT_REGION.")
    return _joined(
        settings,
        clock or SystemClock(),
        journal or Silence(),
        launcher or HereLauncher(),
        Aws(settings, prepare),
        ACTIONS if actions is None else actions,
    )


def _joined(
    settings: Settings, clock: Clock, journal: Journal, launcher: Launcher, aws: Aws, actions: Actions
) -> Services:
    ledger = DynamoLedger(Table(aws, settings.region, settings.table), settings.region)
    ledger.keep_days = settings.keep_runs_days
    known = signatures() if actions is ACTIONS else {name: action.signature() for name, action in actions.items()}
    catalog = Catalog(settings.runbooks, known)
    notices = Notices(aws, settings.region, settings.notice_topic, settings.event_bus)
    engine = Engine(
        ledger=ledger,
        notices=notices,
        aws=aws,
        actions={**INTERNAL, **actions} if actions is ACTIONS else actions,
        clock=clock,
        settings=settings,
        journal=journal,
        launcher=launcher,
        paged=paged,
        protected=lambda: protections(catalog.valid(), settings.region),
    )
    return Services(
        settings=settings,
        clock=clock,
        aws=aws,
        catalog=catalog,
        ledger=ledger,
        starter=Starter(ledger, clock, settings, launcher, actions),
        engine=engine,
        launcher=launcher,
        actions=actions,
    )
