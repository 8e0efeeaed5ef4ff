"""The only place where boto3 is called: one cached client per service, Region, role and manner.

Three manners, because a mistake in each costs something else:

* `read`: for plan, observe and check. Retries by botocore; refuses, before sending, whatever is not a read.
* `write`: for calls with a token, a name or a condition, which may be sent twice. Retries by botocore.
* `once`: for calls without a token (CreateSnapshot, CopySnapshot, ...): never retried, since a retried timeout makes a
  second snapshot. The engine looks first, and then tries again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from chalicelib.aws.calls import CallCounter
from chalicelib.errors import RefusedError
from chalicelib.settings import Settings

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_ec2.client import EC2Client
    from mypy_boto3_kms.client import KMSClient
    from mypy_boto3_sns.client import SNSClient

READING = ("Describe", "List", "Get", "Head", "Query", "Scan", "BatchGet")
RETRIES = 5


def refuse_writes(params: dict[str, Any], model: Any, **_: Any) -> None:
    """Botocore `before-call` handler that lets through reads and DryRun only.

    Raises:
        RefusedError: the operation would change something; nothing was sent.
    """
    if model.name.startswith(READING) or (params.get("body") or {}).get("DryRun") in {True, "true"}:
        return
    raise RefusedError("aws.read_only", f"{model.name} would change AWS, and this client may only read.")


class Aws:
    """Clients of one account and role, made when first asked for. Thread-safe.

    Args:
        settings: Retry mode and timeouts.
        prepare: Called once with the new botocore session, e.g. to attach the sandbox's clock.
    """

    def __init__(self, settings: Settings, prepare: Callable[[Any], None] | None = None) -> None:
        self.settings = settings
        self.calls = CallCounter()
        self._prepare = prepare
        self._lock = threading.Lock()
        self._session: boto3.Session | None = None
        self._clients: dict[tuple[str, str, str], Any] = {}

    def client(self, service: str, region: str, manner: str = "read") -> Any:
        """Return the client for a service in a Region; `manner` is `read`, `write` or `once`."""
        key = (service, region, manner)
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self._make(service, region, manner)
            return self._clients[key]

    def reading(self) -> Aws:
        """Return the same way to AWS in which every client refuses, before sending, whatever is not a read."""
        return _Reading(self)

    def ec2(self, region: str, manner: str = "read") -> EC2Client:
        """Return EC2's client."""
        client: EC2Client = self.client("ec2", region, manner)
        return client

    def kms(self, region: str) -> KMSClient:
        """Return KMS's reading client."""
        client: KMSClient = self.client("kms", region)
        return client

    def sns(self, region: str, manner: str = "read") -> SNSClient:
        """Return SNS's client."""
        client: SNSClient = self.client("sns", region, manner)
        return client

    def _make(self, service: str, region: str, manner: str) -> Any:
        import boto3
        import botocore.session
        from botocore.config import Config

        if self._session is None:
            core = botocore.session.get_session()
            if self._prepare:
                self._prepare(core)
            self._session = boto3.Session(botocore_session=core)
        once = manner == "once"
        config = Config(
            retries={
                "mode": "standard" if once else self.settings.retry_mode,
                "total_max_attempts": 1 if once else RETRIES,
            },
            connect_timeout=5,
            read_timeout=self.settings.pace.call_timeout_s - 5,
            user_agent_extra="lifeboat",
            tcp_keepalive=True,
        )
        client = self._session.client(service, region_name=region, config=config)  # type: ignore[call-overload]
        if manner == "read":
            client.meta.events.register("before-call.*.*", refuse_writes)
        self.calls.attach(client)
        return client


class _Reading(Aws):
    """Hands out reading clients only, whatever manner is asked for."""

    def __init__(self, base: Aws) -> None:
        self._base = base
        self.settings, self.calls = base.settings, base.calls

    def client(self, service: str, region: str, manner: str = "read") -> Any:  # noqa: ARG002 - that is the point
        """Return the reading client."""
        return self._base.client(service, region, "read")

    def reading(self) -> Aws:
        """Return itself."""
        return self
