"""Test, then learn: a network, minibatch after minibatch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from models.events_sums import Summing, Sums
from models.events_trainer import EventsTrainer
from models.learning_settings import LearningSettings
from models.network import Network
from pipeline.experiments.linear_readout import Classes

Frames = npt.NDArray[np.uint8]
"""One sequence, shape (steps, channels, height, width), 0 or 1."""


class OnlineLearner:
    """A network that learns, and can be tried at any time."""

    def __init__(
        self,
        network: Network,
        learning: LearningSettings,
        *,
        batch: int,
        burn_in_ms: int,
        learn_every_ms: int,
        from_silence: bool = False,
    ) -> None:
        """`from_silence`: minibatches are learnt from as `run` reads them, nothing being carried
        over from the one before; else they are one stream.
        """
        self.network = network
        self._burn_in_ms = burn_in_ms
        self._from_silence = from_silence
        self._trainer = EventsTrainer(
            network, learning, batch=batch, burn_in_ms=burn_in_ms, learn_every_ms=learn_every_ms
        )

    def run(self, sequences: Iterable[Frames]) -> Sums:
        """What the network does with sequences, from silence, weights at rest."""
        return Summing(self.network).run(sequences, burn_in_ms=self._burn_in_ms)

    def learn(self, sequences: Sequence[Frames], classes: Classes, *, rate_factor: float) -> None:
        """Learn from one minibatch of equally long sequences."""
        if self._from_silence:
            self._trainer.reset()
        self._trainer.run(np.stack(sequences, axis=1), classes, rate_factor=rate_factor)

    def test_then_learn(
        self, sequences: Sequence[Frames], classes: Classes, *, rate_factor: float
    ) -> Sums:
        """What it did with a minibatch before it learnt from it: as on data never seen."""
        sums = self.run(sequences)
        self.learn(sequences, classes, rate_factor=rate_factor)
        return sums
