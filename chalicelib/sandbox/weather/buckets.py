"""Token buckets per Region and API action, refilled by virtual time.

Source: https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html
"""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.sandbox.weather.settings import Buckets


@dataclass
class _Bucket:
    tokens: float
    at_s: float


class BucketRack:
    """All buckets of the account; a bucket exists from its first call on, and starts full."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, str], _Bucket] = {}

    def take(self, settings: Buckets, region: str, action: str, now_s: float, *, read: bool, paged: bool) -> bool:
        """Take a token, or return False when the bucket is empty."""
        if not settings.on:
            return True
        size, refill = _shape(settings, action, read=read, paged=paged)
        bucket = self._buckets.setdefault((region, action), _Bucket(size, now_s))
        bucket.tokens = min(size, bucket.tokens + (now_s - bucket.at_s) * refill)
        bucket.at_s = now_s
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True


def _shape(settings: Buckets, action: str, *, read: bool, paged: bool) -> tuple[float, float]:
    own = settings.per_action.get(action)
    if own:
        return own
    if not read:
        return settings.writes
    return settings.reads if paged else settings.unpaged_reads
