"""How far a brain is behind a live source, and what it leaves out to catch up."""

from __future__ import annotations

import time

SKIP_LEARNING_NS = 20_000_000
"""Short, because labels wait as long: a brain too slow to learn from all settles at this delay."""
SKIP_FRAMES_NS = 500_000_000


class Backlog:
    """Delay between a packet's sending and its turn, over the smallest delay seen.

    Taking the smallest as zero makes clocks of two hosts comparable. The policy: beyond 20 ms
    behind, learning is left out; beyond 500 ms, frames are.
    """

    def __init__(self) -> None:
        self._smallest_ns: int | None = None
        self.behind_ns = 0

    def update(self, sent_ns: int) -> None:
        """Note when the packet in hand was sent (`time.time_ns`); before its first frame."""
        delay_ns = time.time_ns() - sent_ns
        if self._smallest_ns is None or delay_ns < self._smallest_ns:
            self._smallest_ns = delay_ns
        self.behind_ns = delay_ns - self._smallest_ns

    @property
    def may_learn(self) -> bool:
        """Whether there is time to learn."""
        return self.behind_ns <= SKIP_LEARNING_NS

    @property
    def may_step(self) -> bool:
        """Whether there is time for this frame at all."""
        return self.behind_ns <= SKIP_FRAMES_NS
