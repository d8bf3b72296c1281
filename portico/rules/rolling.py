"""Successes and failures of the last seconds, in ten buckets.

A bucket is a tenth of the window; when time enters a new one, the oldest is dropped. So a sum reaches back
between nine tenths and the whole of the window, counting is two comparisons and an addition, and memory is
constant.
"""

from __future__ import annotations

BUCKETS = 10


class RollingCounts:
    """Counts over a window of `window_s` seconds. `now` is monotonic seconds and never goes back."""

    __slots__ = ("_bad", "_bads", "_bucket", "_bucket_ends", "_good", "_goods", "_width_s")

    def __init__(self, window_s: float) -> None:
        self._width_s = window_s / BUCKETS
        self._bucket = -1  # the number of the current bucket since the clock's zero; none yet
        self._bucket_ends = float("-inf")
        self._goods = [0] * BUCKETS  # past buckets by number modulo ten; the current one is in `_good`
        self._bads = [0] * BUCKETS
        self._good = 0
        self._bad = 0

    def succeeded(self, now: float) -> None:
        """Count a success."""
        if now >= self._bucket_ends:
            self._enter(now)
        self._good += 1

    def failed(self, now: float) -> None:
        """Count a failure."""
        if now >= self._bucket_ends:
            self._enter(now)
        self._bad += 1

    def sums(self, now: float) -> tuple[int, int]:
        """Successes and failures within the window."""
        if now >= self._bucket_ends:
            self._enter(now)
        return self._good + sum(self._goods), self._bad + sum(self._bads)

    def clear(self) -> None:
        """Forget everything."""
        self._good = self._bad = 0
        self._goods = [0] * BUCKETS
        self._bads = [0] * BUCKETS

    def _enter(self, now: float) -> None:
        number = int(now / self._width_s)
        if number == self._bucket:  # rounding: the end of a bucket can come out a hair early
            return
        self._goods[self._bucket % BUCKETS] = self._good
        self._bads[self._bucket % BUCKETS] = self._bad
        for dropped in range(max(self._bucket, number - BUCKETS) + 1, number + 1):
            self._goods[dropped % BUCKETS] = 0
            self._bads[dropped % BUCKETS] = 0
        self._good = self._bad = 0
        self._bucket = number
        self._bucket_ends = (number + 1) * self._width_s
