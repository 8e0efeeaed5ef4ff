"""When an instance of a group may be replaced. Pure: the same standing and bounds always give the same answer.

Three bounds hold at once, and are held against what AWS shows at that moment, whoever caused it:

* the group's own minimum: so many instances stay in service, well or not;
* `max_unavailable`: so many of the wanted places may be empty, or filled by what is not ready yet;
* the floor: so many instances must be well, or replacing is not what helps.
"""

from __future__ import annotations

import math

from chalicelib.domain.types import Strict


class Bounds(Strict):
    """What a group may be brought to. All are numbers of instances."""

    minimum: int
    max_unavailable: int
    floor: int


class Standing(Strict):
    """How a group stands. `unwell` and `unready` (well, but not serving traffic yet) are among the `serving` ones."""

    desired: int
    serving: int
    unwell: int = 0
    unready: int = 0

    @property
    def well(self) -> int:
        """How many are in service, ready and well."""
        return self.serving - self.unwell - self.unready

    @property
    def empty(self) -> int:
        """How many of the wanted places nobody fills who is ready."""
        return max(0, self.desired - self.serving + self.unready)


def floor_of(desired: int, share_percent: float) -> int:
    """Return how many of the desired instances must be well; a part of an instance counts as a whole one."""
    return math.ceil(round(desired * share_percent / 100, 6))


def mostly_unwell(standing: Standing, floor: int) -> bool:
    """Return True when so many are unwell that replacing them one by one is not what helps."""
    return standing.unwell > 0 and standing.serving - standing.unwell < floor


def objection(standing: Standing, bounds: Bounds) -> str:
    """Say why no instance may be terminated now; "" when one may."""
    if standing.serving - 1 < bounds.minimum:
        return f"{standing.serving} are in service and its minimum is {bounds.minimum}"
    if standing.empty + 1 > bounds.max_unavailable:
        filling = f"{standing.empty} of {standing.desired} places are being filled"
        return f"{filling}, and max_unavailable is {bounds.max_unavailable}"
    if standing.well < bounds.floor:
        return f"only {standing.well} of {standing.desired} are well, and {bounds.floor} must be"
    return ""
