"""Checks that look again before they judge: what was just brought back takes a while to be well."""

from __future__ import annotations

from datetime import timedelta

from chalicelib.actions.base import StepContext
from chalicelib.errors import ActionError, ErrorKind


def still_patient(ctx: StepContext, patience: timedelta, why: str) -> None:
    """Have the check tried again, as long as its step is younger than `patience`.

    Raises:
        ActionError: `check.not_yet`, busy: the engine tries again.
    """
    if ctx.opened_at is not None and ctx.now - ctx.opened_at < patience:
        raise ActionError("check.not_yet", f"Not yet: {why}", ErrorKind.BUSY)
