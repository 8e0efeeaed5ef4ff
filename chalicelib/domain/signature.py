"""What an action looks like from the outside: enough to check a runbook without importing the action."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from pydantic import BaseModel


@dataclass(frozen=True)
class Signature:
    """The face that an action shows to runbooks.

    Attributes:
        name: `<service>.<verb>_<noun>`, what `uses:` says.
        given: The model of what stands under `with:`.
        returns: The model of the outputs that later steps may refer to as `steps.<id>.<field>`.
        streams: Names of output fields whose items are usable one by one, before the step has ended.
        judges: True for `check.*` actions: they change nothing and return findings.
        within: How long the step may take when the runbook does not say.
    """

    name: str
    given: type[BaseModel]
    returns: type[BaseModel]
    streams: frozenset[str] = frozenset()
    judges: bool = False
    within: timedelta = timedelta(hours=4)


Signatures = Mapping[str, Signature]
