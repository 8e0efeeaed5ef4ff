"""What the API needs of the joined service, and what one request brings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from chalicelib.aws.clients import Aws
from chalicelib.engine.advance import Engine
from chalicelib.engine.ports import Clock, Launcher
from chalicelib.engine.scope import Actions
from chalicelib.engine.starter import Starter
from chalicelib.settings import Settings
from chalicelib.stores.catalog import Catalog
from chalicelib.stores.ledger import DynamoLedger


class Serves(Protocol):
    """The joined service."""

    @property
    def settings(self) -> Settings:
        """What the deployment decides."""
        ...

    @property
    def clock(self) -> Clock:
        """Where time comes from."""
        ...

    @property
    def aws(self) -> Aws:
        """The way to AWS."""
        ...

    @property
    def catalog(self) -> Catalog:
        """The runbooks."""
        ...

    @property
    def ledger(self) -> DynamoLedger:
        """The truth about runs."""
        ...

    @property
    def starter(self) -> Starter:
        """Starts runs and takes them over."""
        ...

    @property
    def engine(self) -> Engine:
        """Carries runs out."""
        ...

    @property
    def launcher(self) -> Launcher:
        """Makes runs execute."""
        ...

    @property
    def actions(self) -> Actions:
        """What steps can do."""
        ...


@dataclass(frozen=True)
class Request:
    """One request, checked.

    Attributes:
        path: The path's parameters.
        asked: The body of a POST, or the query of a GET.
        key: The `Idempotency-Key`.
        caller: Who asks: an IAM ARN, as API Gateway has authenticated it.
    """

    asked: Any
    path: Mapping[str, str] = field(default_factory=dict)
    key: str = ""
    caller: str = ""
