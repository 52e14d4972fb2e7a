"""How far a brain is behind a live source, and what it leaves out to catch up."""

from __future__ import annotations

import time

SKIP_LEARNING_NS = 20_000_000
"""Short, because labels wait as long: a brain too slow to learn from all settles at this delay."""
SKIP_FRAMES_NS = 500_000_000
MOST_AHEAD_NS = 100_000_000
"""No camera keeps events back for longer; what comes after a gap does not get its time again."""
CLOCK_SET_NS = 50_000_000
"""Delay that grew by so much more than time went by comes from a clock that was set."""


class Backlog:
    """Delay between a packet's sending and its turn, over the smallest delay seen.

    Taking the smallest as zero makes clocks of two hosts comparable, and what is known of delays
    is shifted when one of them is set. The policy: beyond 20 ms
    behind, learning is left out; beyond 500 ms, frames are.
    """

    def __init__(self) -> None:
        self._smallest_ns: int | None = None
        self._delay_ns = 0
        self._steady_ns = 0
        self.behind_ns = 0

    def update(self, sent_ns: int, ahead_ns: int = 0) -> None:
        """Note when the packet of the frame in hand was sent (`time.time_ns`).

        `ahead_ns` of the stream came in the same packet before this frame, which so is not late
        before as much time has passed: a camera that sends every 30 ms leaves nobody behind.
        """
        delay_ns, steady_ns = time.time_ns() - sent_ns, time.monotonic_ns()
        if self._smallest_ns is not None:
            # Packets are sent one after the other: none can be later by more than time went by.
            grown_ns = delay_ns - self._delay_ns
            if grown_ns > steady_ns - self._steady_ns + CLOCK_SET_NS:
                self._smallest_ns += grown_ns
        self._delay_ns, self._steady_ns = delay_ns, steady_ns
        if self._smallest_ns is None or (not ahead_ns and delay_ns < self._smallest_ns):
            self._smallest_ns = delay_ns
        in_time_ns = self._smallest_ns + min(ahead_ns, MOST_AHEAD_NS)
        self.behind_ns = max(0, delay_ns - in_time_ns)

    @property
    def may_learn(self) -> bool:
        """Whether there is time to learn."""
        return self.behind_ns <= SKIP_LEARNING_NS

    @property
    def may_step(self) -> bool:
        """Whether there is time for this frame at all."""
        return self.behind_ns <= SKIP_FRAMES_NS
