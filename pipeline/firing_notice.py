"""Says during training that a layer hardly fires: it hardly learns, and those above see nothing.

Its neurons are far below threshold then, where the slope of the surrogate vanishes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from pipeline.training_progress import TrainingProgress

WATCHED = 20
"""Minibatches in a row."""
SILENT = 5e-4
"""Of a layer's neurons, a step. The sparsest of the shipped networks has three times as many; on
the turntable, at an update every millisecond, layers with fewer lost what they had learnt."""


class FiringNotice:
    """A sink of progress that tells of each layer once, and again when it had recovered."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._rates: deque[tuple[float, ...]] = deque(maxlen=WATCHED)
        self._silent: set[int] = set()

    def add(self, progress: TrainingProgress) -> None:
        """See `ProgressSink.add`."""
        self._rates.append(progress.result.firing_rate)
        if len(self._rates) < WATCHED:
            return
        for number, rates in enumerate(zip(*self._rates, strict=True), start=1):
            if max(rates) >= SILENT:
                self._silent.discard(number)
            elif number not in self._silent:
                self._silent.add(number)
                self._tell(
                    f"layer {number} hardly fires: {max(rates):.4%} of its neurons a step at most "
                    f"in {WATCHED} minibatches; it hardly learns, and layers above it see nothing; "
                    "raise network.gain, or lower learning.regularisation or the rate"
                )
