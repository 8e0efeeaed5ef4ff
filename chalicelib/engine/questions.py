"""What the engine needs of the ledger to ask people: questions, kept with the plan that they cover, and answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from chalicelib.domain.answer import Answer
from chalicelib.domain.change import Change
from chalicelib.domain.question import Asked


class Questions(Protocol):
    """Questions and answers; a part of the ledger."""

    def ask(self, asked: Asked, pages: Sequence[Sequence[Change]]) -> Asked:
        """Record a question with the plan that it covers; returns the one that counts: its number's first."""
        ...

    def question(self, run_id: str, step_id: str, number: int) -> Asked | None:
        """Return a question as it is now (consistent read)."""
        ...

    def questions(self, run_id: str) -> list[Asked]:
        """Return all questions of a run, of each step in their order."""
        ...

    def answer(self, asked: Asked, answer: Answer) -> Asked:
        """Answer a question, unless it is answered or closed; returns it as it is now, whoever was first."""
        ...

    def close(self, asked: Asked, why: str) -> Asked:
        """Make a question unanswerable, unless it has been answered; returns it as it is now."""
        ...

    def unlist(self, asked: Asked) -> None:
        """Take a question off the list of open ones. Twice is once."""
        ...
