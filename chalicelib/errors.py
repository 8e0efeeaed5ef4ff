"""Every deliberate error of Lifeboat, each with a stable code.

This file is at the bottom of the house and imports the standard library only. Codes are `area.cause`, are only ever
added to (`tests/architecture/codes.txt` holds them), and are what scripts and alarms may rely on; messages may improve.

The classes say what the engine does with an error:

* `InputError`: what was asked for makes no sense (event, runbook, input). Never retried; exit code 2.
* `RefusedError`: it makes sense and is not allowed (guard, approval, lease, key, age). Always reported; exit code 3.
* `ActionError`: AWS said no, or not yet. `kind` says which of the two.
* `StoreError`: the ledger or the catalog cannot be used. The run is not lost; the next tick tries again.
* `SupersededError`: another process drives this run now; this one must stop without a further effect.
"""

from __future__ import annotations

from enum import StrEnum


class ErrorKind(StrEnum):
    """What is to be done about an error of AWS."""

    THROTTLED = "throttled"  # seconds: botocore retried already; the next tick tries again
    AT_CAPACITY = "at_capacity"  # minutes: a quota or AWS's capacity is used up; stays absent, applied later
    BUSY = "busy"  # minutes: the resource is in a state that passes; bounded by the step's deadline
    IN_DOUBT = "in_doubt"  # no answer: the effect may or may not have happened; observe decides
    TERMINAL = "terminal"  # will not get better by itself; recorded with AWS's code and request id


class LifeboatError(Exception):
    """The base of all deliberate errors.

    Args:
        code: Stable `area.cause`.
        message: One or two plain sentences for the person who reads it: what, where, and what to do.
        details: JSON-safe facts beside the message.
    """

    def __init__(self, code: str, message: str, **details: object) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details

    def __str__(self) -> str:
        return f"{self.message} [{self.code}]"


class InputError(LifeboatError):
    """An event, runbook, reference or input that is wrong."""


class RefusedError(LifeboatError):
    """Something understood and not allowed: guard, approval, lease, key or age."""


class ActionError(LifeboatError):
    """AWS refused, or could not yet, or did not answer."""

    def __init__(self, code: str, message: str, kind: ErrorKind = ErrorKind.TERMINAL, **details: object) -> None:
        super().__init__(code, message, **details)
        self.kind = kind


class StoreError(LifeboatError):
    """The ledger or the catalog could not be read or written."""


class SupersededError(LifeboatError):
    """This process no longer drives the run: a newer generation holds it."""
