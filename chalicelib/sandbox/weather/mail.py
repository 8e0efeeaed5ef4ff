"""Events on their way to the handlers: due at an instant, possibly late, doubled or dropped."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chalicelib.sandbox.weather.clock import iso

if TYPE_CHECKING:
    from chalicelib.sandbox.weather.sky import Sky

Writer = Callable[[], "dict[str, Any] | None"]


@dataclass(order=True)
class _Letter:
    due_s: float
    order: int
    target: str = field(compare=False)
    write: Writer = field(compare=False)
    faulty: bool = field(compare=False, default=True)  # False: already decided, deliver as it is
    settles: bool = field(compare=False, default=True)
    drops: bool = field(compare=False, default=True)


class Mail:
    """The letters under way and those delivered."""

    def __init__(self, sky: Sky) -> None:
        self._sky = sky
        self._under_way: list[_Letter] = []
        self._order = itertools.count(1)
        self._delivered: list[dict[str, Any]] = []

    def post(
        self,
        due_s: float,
        target: str,
        write: Writer,
        *,
        settles: bool = True,
        faulty: bool = True,
        drops: bool = True,
    ) -> None:
        """Send a letter whose text is written when it is due; a writer that returns None sends nothing.

        Args:
            due_s: When it happens, in seconds since 1970.
            target: `event` or `schedule`.
            write: Makes the event.
            settles: Whether settling the sandbox brings it forward to now.
            faulty: Whether it can be dropped, doubled or late.
            drops: False when its delivery is guaranteed: then it can only be doubled or late.
        """
        heapq.heappush(self._under_way, _Letter(due_s, next(self._order), target, write, faulty, settles, drops))

    def settle(self) -> None:
        """Bring everything that settles forward to now."""
        now_s = self._sky.now_s
        for letter in self._under_way:
            if letter.settles:
                letter.due_s = min(letter.due_s, now_s)
        heapq.heapify(self._under_way)

    def delivered(self, after: int) -> list[dict[str, Any]]:
        """Return what has been delivered by now, with a number above `after`, in order."""
        while self._under_way and self._under_way[0].due_s <= self._sky.now_s:
            self._handle(heapq.heappop(self._under_way))
        return self._delivered[after:]

    def _handle(self, letter: _Letter) -> None:
        text = letter.write()
        if text is None:
            return
        if letter.faulty:
            self._send_through_weather(letter, text)
        else:
            self._deliver(letter, text)

    def _send_through_weather(self, letter: _Letter, text: dict[str, Any]) -> None:
        sky, knobs = self._sky, self._sky.settings.events
        if letter.target == "event" and letter.drops and sky.draw("drop", letter.order) < knobs.drop_share:
            sky.books.fault("event_dropped")
            return
        copies = 1
        if sky.draw("double", letter.order) < knobs.double_share:
            sky.books.fault("event_doubled")
            copies = 2
        for copy in range(copies):
            late_s = knobs.late_s * sky.draw("late", letter.order, copy)
            if late_s:
                sky.books.fault("event_late")
            self.post(letter.due_s + late_s, letter.target, lambda: text, settles=letter.settles, faulty=False)

    def _deliver(self, letter: _Letter, text: dict[str, Any]) -> None:
        n = len(self._delivered) + 1
        self._delivered.append({"n": n, "target": letter.target, "at": iso(letter.due_s), "event": text})
