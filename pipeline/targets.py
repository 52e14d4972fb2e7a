"""Targets in time: which gesture the engine is told it sees, frame by frame."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from drivers.errors import InputError
from recordings.labels import GestureInterval

BURN_IN_US = 50_000
"""No learning and no scoring in the first 50 ms of a gesture: the traces are still filling."""


class Targets:
    """A label file as a timeline, with a target set by hand taking precedence.

    All times are microseconds of the stream, all intervals half-open, classes from 1 outside
    and from 0 towards the engine.
    """

    def __init__(
        self,
        intervals: Sequence[GestureInterval],
        *,
        classes: int,
        on: bool = True,
        burn_in_us: int = BURN_IN_US,
    ) -> None:
        """`on` False: the intervals are checked, but nothing is learnt from them."""
        self._classes = classes
        self._intervals = sorted(intervals)
        for interval in self._intervals:
            self._check(interval.gesture_class)
        if not on:
            self._intervals = []
        self._begins = [interval.t_begin_us for interval in self._intervals]
        self._burn_in_us = burn_in_us
        self._by_hand: tuple[int, int | None] | None = None

    def at(self, t_us: int) -> int | None:
        """The target (class from 0) of the frame that begins at `t_us`, or None: do not learn."""
        if self._by_hand is not None and t_us >= self._by_hand[0]:
            begin, gesture_class = self._by_hand
        else:
            found = bisect_right(self._begins, t_us) - 1
            if found < 0 or t_us >= self._intervals[found].t_end_us:
                return None
            begin, gesture_class = self._begins[found], self._intervals[found].gesture_class
        if gesture_class is None or t_us < begin + self._burn_in_us:
            return None
        return gesture_class - 1

    def set_by_hand(self, gesture_class: int | None, from_us: int) -> None:
        """From `from_us` on, the target is this class (from 1), or none; overrides the timeline.

        Raises `InputError` for a class that the network does not have.
        """
        if gesture_class is not None:
            self._check(gesture_class)
        self._by_hand = (from_us, gesture_class)

    def add_class(self) -> None:
        """The network has one more class."""
        self._classes += 1

    def follow_timeline(self) -> None:
        """Take back whatever was set by hand."""
        self._by_hand = None

    def _check(self, gesture_class: int) -> None:
        if not 1 <= gesture_class <= self._classes:
            raise InputError(
                what="target class",
                got=str(gesture_class),
                allowed=f"1 to {self._classes}",
                todo="use a class that the checkpoint knows",
            )
