"""Says that a source loses events while it does: the summary may be a month away."""

from __future__ import annotations

import time
from collections.abc import Callable

EVERY_NS = 60_000_000_000


class LossNotice:
    """Tells of the first loss at once, and of later ones once a minute."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._said = 0
        self._next_ns = 0

    def look(self, lost: int) -> None:
        """`lost`: events since the start."""
        if lost == self._said:
            return
        now_ns = time.monotonic_ns()
        if now_ns >= self._next_ns:
            self._tell(f"{lost - self._said:,} events lost, {lost:,} since the start")
            self._said = lost
            self._next_ns = now_ns + EVERY_NS
