"""Quantiles of latencies over a run of any length, in fixed memory."""

from __future__ import annotations

import math
from collections.abc import Sequence

_PER_DOUBLING = 32
"""Buckets for each doubling: a quantile is right to within 2.2 %."""
_BUCKETS = 48 * _PER_DOUBLING


class Latencies:
    """A histogram with buckets growing by 2.2 % each, from 1 us on; the largest is kept exactly."""

    def __init__(self) -> None:
        self._counts = [0] * _BUCKETS
        self._total = 0
        self._largest_ns = 0

    @classmethod
    def together(cls, parts: Sequence[Latencies]) -> Latencies:
        """Those of several, as if they had been added to one; one alone is itself."""
        if len(parts) == 1:
            return parts[0]
        whole = cls()
        whole._counts = [
            sum(counts) for counts in zip(*(part._counts for part in parts), strict=True)
        ]
        whole._total = sum(part._total for part in parts)
        whole._largest_ns = max(part._largest_ns for part in parts)
        return whole

    def add(self, latency_ns: int) -> None:
        """Count one latency."""
        bucket = int(math.log2(max(latency_ns, 1000) / 1000) * _PER_DOUBLING)
        self._counts[min(bucket, _BUCKETS - 1)] += 1
        self._total += 1
        self._largest_ns = max(self._largest_ns, latency_ns)

    def quantile_ms(self, share: float) -> float | None:
        """The latency that this share of all did not exceed; None before the first."""
        if not self._total:
            return None
        if share >= 1.0:
            return self._largest_ns / 1e6
        wanted = share * self._total
        for bucket, count in enumerate(self._counts):
            wanted -= count
            if count and wanted <= 0:
                upper_ns = 1000 * 2 ** ((bucket + 1) / _PER_DOUBLING)
                return float(min(upper_ns, self._largest_ns)) / 1e6
        return self._largest_ns / 1e6
