"""The part of the ledger in which steps ask and people answer. The first answer wins: it is a conditional write.

| pk | sk | what |
|---|---|---|
| RUN#<run> | ASK#<step>#<number> | a question, never changed; `answer` and `closed` are attributes of their own |
| RUN#<run> | PLAN#<step>#<digest>#<page> | the plan that it covers, as any plan |
| ASKED#<region> | <time>#<run>#<step>#<number> | lists what is open; may outlive its question |
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from chalicelib.domain.answer import Answer
from chalicelib.domain.change import Change
from chalicelib.domain.question import Asked
from chalicelib.stores import rows
from chalicelib.stores.table import ConditionError, Table

_APART = {"answer", "closed"}
OPEN = "attribute_exists({pk}) AND attribute_not_exists({answer}) AND attribute_not_exists({closed})"
LISTED = timedelta(days=60)  # how long a question that nobody took off the list stays there beyond its time


class Answers:
    """Questions and answers in the ledger."""

    table: Table
    region: str

    def ask(self, asked: Asked, pages: Sequence[Sequence[Change]]) -> Asked:
        """Record a question with the plan that it covers; returns the one that counts: the first of its number stays.

        The question is written last. Cut short and repeated, it comes to the same.
        """
        row = asked.row()
        self.table.put_many([rows.plan_row(asked.run_id, row, n, page) for n, page in enumerate(pages)])
        forget_at = asked.asked_at + timedelta(seconds=asked.within_s) + LISTED
        place = {"pk": self._asked, "sk": _place(asked), "run_id": asked.run_id, "key": _key(asked)}
        self.table.put({**place, "expires_at": rows.epoch(forget_at)})
        doc = asked.model_dump_json(exclude=_APART, exclude_defaults=True)
        try:
            self.table.put(
                {"pk": rows.run_key(asked.run_id), "sk": _key(asked), "doc": doc, "digest": asked.digest},
                unless_exists=True,
            )
        except ConditionError as other:
            return _from(other.found)
        return asked

    def question(self, run_id: str, step_id: str, number: int) -> Asked | None:
        """Return a question as it is now (consistent read)."""
        row = self.table.get(rows.run_key(run_id), _name(step_id, number))
        return _from(row) if row else None

    def questions(self, run_id: str) -> list[Asked]:
        """Return all questions of a run, of each step in their order."""
        return [_from(row) for row in self.table.query(rows.run_key(run_id), "ASK#")]

    def answer(self, asked: Asked, answer: Answer) -> Asked:
        """Answer a question, unless it is answered or closed; returns it as it is now, whoever was first."""
        return self._settle(asked, "answer", answer.model_dump_json())

    def close(self, asked: Asked, why: str) -> Asked:
        """Make a question unanswerable, unless it has been answered; returns it as it is now."""
        return self._settle(asked, "closed", why)

    def _settle(self, asked: Asked, name: str, text: str) -> Asked:
        try:
            row = self.table.update(
                rows.run_key(asked.run_id),
                _key(asked),
                {name: text},
                when=OPEN + " AND {digest} = :seen",
                seen=asked.digest,
            )
        except ConditionError as unmet:
            row = unmet.found
        self.unlist(asked)
        return _from(row)

    def unlist(self, asked: Asked) -> None:
        """Take a question off the list of open ones. Twice is once."""
        self.table.delete(self._asked, _place(asked))

    def asked_before(self, mark: str | None) -> Iterator[tuple[str, Asked]]:
        """Yield listed questions after a mark, newest first, each with its own mark; some may be answered by now.

        Args:
            mark: Of the question before the first; None = the newest one.
        """
        for row in self.table.query(self._asked, newest_first=True, below=mark or ""):
            found = self.table.get(rows.run_key(row["run_id"]), row["key"])
            if found:
                yield row["sk"], _from(found)

    @property
    def _asked(self) -> str:
        return f"ASKED#{self.region}"


def _name(step_id: str, number: int) -> str:
    return f"ASK#{step_id}#{number:04d}"


def _key(asked: Asked) -> str:
    return _name(asked.step_id, asked.number)


def _place(asked: Asked) -> str:
    return f"{asked.asked_at.isoformat()}#{asked.run_id}#{asked.step_id}#{asked.number:04d}"


def _from(row: dict[str, Any]) -> Asked:
    found = Asked.model_validate_json(row["doc"])
    answer = Answer.model_validate_json(row["answer"]) if row.get("answer") else None
    return found.model_copy(update={"answer": answer, "closed": row.get("closed", "")})
