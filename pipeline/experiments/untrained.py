"""The control of a linear layer: the same layer on a network that has learnt nothing.

What random convolutions and traces show already is no merit of the learning.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.events_sums import Summing, Sums
from models.network import Network
from models.settings import NetworkSettings
from pipeline.experiments.linear_readout import (
    LINEAR_LAYERS,
    Classes,
    apply_weights,
    fit_linear,
    joined,
)

Frames = npt.NDArray[np.uint8]


def untrained(reading: str) -> str:
    """What a way of reading is called where nothing was learnt."""
    return f"{reading}, untrained"


@dataclass(frozen=True, slots=True)
class Untrained:
    """A network as it begins, with the settings and seed of one that learns."""

    network: NetworkSettings
    burn_in_ms: int
    ridge: float

    def sums(self, sequences: Iterable[Frames]) -> Sums:
        """What it does with sequences, from silence."""
        return Summing(Network(self.network)).run(sequences, burn_in_ms=self.burn_in_ms)

    def scores(
        self, first: Sums, classes: Classes, test: Sums
    ) -> dict[str, npt.NDArray[np.float64]]:
        """Scores of `test`, shape (N, classes), by linear layers that were trained on `first`."""
        linear = fit_linear(first, classes, LINEAR_LAYERS, ridge=self.ridge)
        return {
            untrained(name): apply_weights(weights, joined(test, layers))
            for name, (layers, weights) in linear.items()
        }


def part(sums: Sums, chosen: npt.NDArray[np.int64]) -> Sums:
    """Of some of the sequences; the firing rate stays that of all."""
    return Sums(
        votes=sums.votes[:, chosen],
        scores=sums.scores[chosen],
        readings=sums.readings[:, chosen],
        activity=tuple(activity[chosen] for activity in sums.activity),
        firing_rate=sums.firing_rate,
    )
