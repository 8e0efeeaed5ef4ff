"""What was answered to a question of a step: by a person, or by the runbook in advance. Times are aware and UTC."""

from __future__ import annotations

from datetime import datetime

from chalicelib.domain.types import Strict

IN_ADVANCE = "the runbook"  # who answers by `approved_in_advance`


class Answer(Strict):
    """What a person answered, or the runbook in advance.

    Attributes:
        yes: Whether the plan may be carried out.
        choice: What was chosen; empty where there was nothing to choose.
        by: Who: a caller's ARN, or the name of a user of the machine where it was answered.
        at: When.
        digest: Of the question that it answers.
        reason: Why, as far as somebody said.
        in_advance: True when the runbook's `approved_in_advance` answered, and nobody was asked.
    """

    yes: bool
    choice: str = ""
    by: str
    at: datetime
    digest: str = ""
    reason: str = ""
    in_advance: bool = False

    @property
    def word(self) -> str:
        """The answer in one word: `yes` or `no`."""
        return "yes" if self.yes else "no"

    def same_as(self, other: Answer) -> bool:
        """Return True for the same answer by the same person: a request that was sent twice."""
        return (self.yes, self.choice, self.by, self.digest) == (other.yes, other.choice, other.by, other.digest)

    def told(self) -> str:
        """Say it in words."""
        verb = "approved" if self.yes else "declined"
        chosen = f" with '{self.choice}'" if self.choice else ""
        if self.in_advance:
            return f"approved in advance by the runbook: {self.reason}"
        return f"{verb}{chosen} by {self.by} at {self.at:%Y-%m-%d %H:%M:%S} UTC" + (
            f": {self.reason}" if self.reason else ""
        )
