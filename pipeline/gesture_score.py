"""What a gesture's milliseconds add up to, class by class, as its network is to be read."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.reading import Shares, evidence_of, scores_with_other, share_in_mean
from models.settings import NetworkSettings


class GestureScore:
    """Of one gesture; made of steps in any number, in order."""

    def __init__(self, settings: NetworkSettings, *, layer: int = -1) -> None:
        """`layer` is whose votes decide; -1 reads the network as its settings say."""
        self._settings = settings
        self._layer = layer
        self._scores = np.zeros(settings.classes)
        self.frames = 0
        """Steps taken in."""

    @property
    def winner(self) -> int:
        """The class, from 0, that the gesture is taken for so far."""
        return int(self._weighed.argmax())

    @property
    def share(self) -> float:
        """The winner's, in the mean over time; 0 before the first step."""
        if not self.frames:
            return 0.0
        most = float(self._weighed.max())
        return (
            share_in_mean(self._settings, most, self.frames) if self._shared else most / self.frames
        )

    def add(self, votes: npt.NDArray[np.int64], shares: Shares | None) -> None:
        """Take in the votes of a step, shape (layers,), or its shares where it is read by them.

        Classes that came since the gesture began are not among those it can be.
        """
        self.frames += 1
        if shares is not None and self._shared:
            self._scores += evidence_of(self._settings, shares)[: len(self._scores)]
        elif votes[self._layer] < len(self._scores):
            self._scores[votes[self._layer]] += 1.0

    def add_class(self) -> None:
        """There is one more class, which had no share so far."""
        none = evidence_of(self._settings, np.zeros(1)) if self._shared else np.zeros(1)
        self._scores = np.concatenate([self._scores, self.frames * none])

    @property
    def _shared(self) -> bool:
        return self._layer == -1 and not self._settings.reads_as_published

    @property
    def _weighed(self) -> npt.NDArray[np.float64]:
        if not self._shared:
            return self._scores
        return scores_with_other(self._settings, self._scores, self.frames)
