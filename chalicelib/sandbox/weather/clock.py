"""The sandbox's clock: virtual UTC time that moves only when somebody moves it."""

from __future__ import annotations

from datetime import UTC, datetime

DEFAULT_START = "2031-01-06T01:00:00Z"


def to_epoch(text: str) -> float:
    """Read an ISO 8601 instant as seconds since 1970 (UTC); an instant without a zone is UTC.

    Raises:
        ValueError: the text is no instant.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp()


def iso(epoch_s: float, *, timespec: str = "milliseconds") -> str:
    """Write seconds since 1970 as `2031-01-06T01:00:00.000Z`, the way EC2 writes instants."""
    return datetime.fromtimestamp(epoch_s, UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


class Clock:
    """Virtual time in seconds since 1970, never running backwards."""

    def __init__(self, start_s: float) -> None:
        self.now_s = start_s

    def advance_to(self, epoch_s: float) -> None:
        """Move to an instant; an instant in the past changes nothing."""
        self.now_s = max(self.now_s, epoch_s)

    def advance(self, seconds: float) -> None:
        """Move forward by so many virtual seconds.

        Raises:
            ValueError: the number is negative.
        """
        if seconds < 0:
            raise ValueError("time does not run backwards")
        self.now_s += seconds

    def iso(self, *, timespec: str = "milliseconds") -> str:
        """Tell the time as EC2 writes it."""
        return iso(self.now_s, timespec=timespec)

    def naive(self) -> datetime:
        """Tell the time as moto keeps it: UTC without a zone."""
        return datetime.fromtimestamp(self.now_s, UTC).replace(tzinfo=None)
