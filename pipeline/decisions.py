"""From votes or shares to decisions: the sliding window, or leaky sum, that live labels rest on."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from drivers.errors import InputError

FRAME_US = 1000
"""Length of one frame, and so of one engine step and one vote."""


@dataclass(frozen=True, slots=True)
class DecisionSettings:
    """When a class is named, and when the answer is an honest "unsure"."""

    window_ms: int = 500
    """Length of the sliding window."""
    threshold: float = 0.5
    """Share of the window's votes at which a class is named."""
    margin: float = 0.1
    """Hysteresis: the named class is kept until its share falls below `threshold - margin`,
    or another class reaches the threshold. 0 switches it off."""
    min_events_per_s: float = 1000.0
    """Below this rate of input (cells of frames that saw an event) the scene counts as silent."""
    min_frames: int = 100
    """Nothing is named before the window holds this many frames, or all of a shorter window: a
    stream's first votes, of a network that has hardly seen anything, are no majority."""

    def __post_init__(self) -> None:
        if not 1 <= self.window_ms <= 60_000:
            raise InputError(
                what="decision window",
                got=f"{self.window_ms} ms",
                allowed="1 to 60000 ms",
                todo="choose another --window-ms",
            )
        if not 0.0 < self.threshold <= 1.0:
            raise InputError(
                what="decision threshold",
                got=f"{self.threshold}",
                allowed="above 0, at most 1",
                todo="choose another --threshold",
            )
        if not 0.0 <= self.margin < self.threshold:
            raise InputError(
                what="decision margin",
                got=f"{self.margin}",
                allowed=f"0 or more, below the threshold of {self.threshold}",
                todo="choose a smaller margin",
            )
        if not self.min_events_per_s >= 0.0:
            raise InputError(
                what="least input rate",
                got=f"{self.min_events_per_s} events/s",
                allowed="0 or more",
                todo="choose another --min-events-per-s",
            )
        if not 1 <= self.min_frames <= 60_000:
            raise InputError(
                what="least frames in the decision window",
                got=str(self.min_frames),
                allowed="1 to 60000",
                todo="choose another number of frames",
            )

    @property
    def min_events(self) -> float:
        """Events that a window must hold to be more than silence."""
        return self.min_events_per_s * self.window_ms / 1000.0


@dataclass(frozen=True, slots=True)
class Decision:
    """What the window says now."""

    gesture_class: int
    """Counted from 1; 0 is "unsure"."""
    confidence: float


def decide(
    scores: Sequence[float],
    total: float,
    current: int,
    settings: DecisionSettings,
    *,
    silent: bool,
) -> Decision:
    """What scores per class, of `total` in all, say where `current` (0: none) was named before.

    Nothing is named where it is `silent`.
    """
    most = max(scores)
    if silent:
        current = 0
    elif most >= settings.threshold * total:
        # A tie at the threshold must not make the label flicker: the named class stays.
        if current == 0 or scores[current - 1] < most:
            current = scores.index(most) + 1
    elif current and scores[current - 1] < (settings.threshold - settings.margin) * total:
        current = 0
    shown = scores[current - 1] if current else most
    return Decision(current, shown / total)


class SlidingVotes:
    """Votes of one layer over the last `window_ms` frames; constant work a step."""

    def __init__(self, classes: int, settings: DecisionSettings | None = None) -> None:
        self.settings = settings or DecisionSettings()
        self._counts = [0] * classes
        self._window: deque[tuple[int, int]] = deque()
        self._events = 0
        self._current = 0

    @property
    def counts(self) -> tuple[int, ...]:
        """Votes in the window per class, from class 1 on."""
        return tuple(self._counts)

    def push(self, vote: int, events: int) -> Decision:
        """Take in one frame's vote (class from 0) and its number of input events; decide."""
        self._window.append((vote, events))
        self._counts[vote] += 1
        self._events += events
        if len(self._window) > self.settings.window_ms:
            old_vote, old_events = self._window.popleft()
            self._counts[old_vote] -= 1
            self._events -= old_events
        return self._decide()

    def _decide(self) -> Decision:
        total = len(self._window)
        too_early = total < min(self.settings.min_frames, self.settings.window_ms)
        silent = too_early or self._events < self.settings.min_events
        decision = decide(self._counts, total, self._current, self.settings, silent=silent)
        self._current = decision.gesture_class
        return decision

    def add_class(self) -> None:
        """There is one more class, which nobody voted for so far."""
        self._counts.append(0)

    def change(self, settings: DecisionSettings) -> None:
        """Decide by other thresholds from now on; the window's length stays."""
        self.settings = replace(settings, window_ms=self.settings.window_ms)

    def clear(self) -> None:
        """Forget the window: a new stream begins."""
        self._counts = [0] * len(self._counts)
        self._window.clear()
        self._events = 0
        self._current = 0


class LeakyShares:
    """Shares of the classes (`models.reading`), summed; what is older counts less.

    A frame's weight falls as exp(-age / tau), tau being half the window: the mean age of what
    decides is that of a sliding window.
    """

    def __init__(self, classes: int, settings: DecisionSettings | None = None) -> None:
        self.settings = settings or DecisionSettings()
        self._kept = math.exp(-2.0 / self.settings.window_ms)
        self._scores = [0.0] * classes
        self._total = 0.0
        self._events = 0.0
        self._frames = 0
        self._current = 0

    @property
    def counts(self) -> tuple[int, ...]:
        """Shares per class, from class 1 on, as votes in a window of so many frames as came."""
        if not self._frames:
            return (0,) * len(self._scores)
        frames = min(self._frames, self.settings.window_ms)
        return tuple(round(score * frames / self._total) for score in self._scores)

    def push(self, shares: Sequence[float], events: int) -> Decision:
        """Take in one frame's shares and its number of input events; decide."""
        kept = self._kept
        self._scores = [
            kept * score + share for score, share in zip(self._scores, shares, strict=True)
        ]
        self._total = kept * self._total + 1.0
        self._events = kept * self._events + events
        self._frames += 1
        settings = self.settings
        too_early = self._frames < min(settings.min_frames, settings.window_ms)
        quiet = self._events * 1000.0 < settings.min_events_per_s * self._total
        decision = decide(
            self._scores, self._total, self._current, settings, silent=too_early or quiet
        )
        self._current = decision.gesture_class
        return decision

    def add_class(self) -> None:
        """There is one more class, which had no share so far."""
        self._scores.append(0.0)

    def change(self, settings: DecisionSettings) -> None:
        """Decide by other thresholds from now on; the sum's length stays."""
        self.settings = replace(settings, window_ms=self.settings.window_ms)

    def clear(self) -> None:
        """Forget what was summed: a new stream begins."""
        self._scores = [0.0] * len(self._scores)
        self._total = 0.0
        self._events = 0.0
        self._frames = 0
        self._current = 0
