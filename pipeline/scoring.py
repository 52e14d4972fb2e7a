"""Labelled gestures scored as in the paper: the class with the most votes over the trial."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from models.settings import NetworkSettings
from pipeline.gesture_result import GestureResult
from pipeline.gesture_score import GestureScore
from pipeline.targets import BURN_IN_US
from recordings.labels import GestureInterval

TRIAL_US = 1_800_000
"""The paper counts votes over the first 1,800 ms of a gesture."""


class TrialVotes:
    """Votes per labelled interval, from 50 ms after its begin to 1,800 ms (or its end)."""

    def __init__(
        self, intervals: Sequence[GestureInterval], settings: NetworkSettings, *, layer: int = -1
    ) -> None:
        """`layer` is whose votes decide; -1 reads the network as its settings say."""
        self.intervals = sorted(intervals)
        layers = len(settings.layers)
        self._layer = layer
        self._rows = np.arange(layers)
        self._counts = np.zeros((len(self.intervals), layers, settings.classes), dtype=np.int64)
        self._scores = [GestureScore(settings, layer=layer) for _ in self.intervals]
        self._next = 0

    def push(
        self,
        t_us: int,
        votes: npt.NDArray[np.int64],
        shares: npt.NDArray[np.float64] | None = None,
    ) -> None:
        """Count the votes, shape (layers,), of the frame that begins at `t_us`; time only grows.

        `shares`, shape (classes,), are given where the network is read by them.
        """
        while self._next < len(self.intervals) and t_us >= self._until(self._next):
            self._next += 1
        if self._next == len(self.intervals):
            return
        if t_us >= self.intervals[self._next].t_begin_us + BURN_IN_US:
            self._counts[self._next, self._rows, votes] += 1
            self._scores[self._next].add(votes, shares)

    def add_class(self) -> None:
        """The network has one more class, which nobody voted for so far."""
        self._counts = np.pad(self._counts, ((0, 0), (0, 0), (0, 1)))
        for score in self._scores:
            score.add_class()

    def rewind(self) -> None:
        """The stream begins again: go on counting from the first interval."""
        self._next = 0

    @property
    def frames(self) -> int:
        """Frames that were counted, of all intervals."""
        return sum(score.frames for score in self._scores)

    def _until(self, index: int) -> int:
        interval = self.intervals[index]
        return min(interval.t_end_us, interval.t_begin_us + TRIAL_US)

    def results(self, class_names: Sequence[str]) -> list[GestureResult]:
        """Every interval with the class that won it."""
        found = []
        for interval, counts, score in zip(self.intervals, self._counts, self._scores, strict=True):
            frames = score.frames
            winners = tuple(int(winner) + 1 for winner in counts.argmax(axis=1))
            got = score.winner + 1 if frames else 0
            found.append(
                GestureResult(
                    t_begin_us=interval.t_begin_us,
                    t_end_us=interval.t_end_us,
                    true_class=interval.gesture_class,
                    true_label=class_names[interval.gesture_class - 1],
                    got_class=got,
                    got_label=class_names[got - 1] if got else "not seen",
                    share=score.share,
                    frames=frames,
                    layer_classes=winners if frames else (0,) * len(winners),
                )
            )
        return found


def accuracy(results: Sequence[GestureResult]) -> float | None:
    """Share of right answers over the gestures that were seen; None if none was."""
    seen = [result.got_class == result.true_class for result in results if result.frames]
    return sum(seen) / len(seen) if seen else None


def layer_accuracies(results: Sequence[GestureResult]) -> tuple[float, ...] | None:
    """Share of right answers per layer, over the gestures that were seen; None if none was."""
    seen = [result for result in results if result.frames]
    if not seen:
        return None
    right = np.array([[got == r.true_class for got in r.layer_classes] for r in seen])
    return tuple(float(share) for share in right.mean(axis=0))
