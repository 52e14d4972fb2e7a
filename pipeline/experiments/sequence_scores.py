"""How often each way of reading a network names the right class, over whole sequences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.events_sums import Sums
from pipeline.experiments.linear_readout import Classes, LinearWeights, apply_weights, joined

AS_TO_BE_READ = "as it is to be read"
"""By `reading`, `reading_layers` and `over_time` of the network's settings."""


@dataclass(frozen=True, slots=True)
class SequenceScores:
    """Scores of N sequences, each of shape (N, classes), by way of reading."""

    by_reading: dict[str, npt.NDArray[np.float64]]

    def classes(self, reading: str) -> npt.NDArray[np.int64]:
        """The class (from 0) with the highest score, shape (N,)."""
        found: npt.NDArray[np.int64] = self.by_reading[reading].argmax(1)
        return found

    def accuracy(self, truth: Classes) -> dict[str, float]:
        """Share of sequences whose class has the highest score, by way of reading."""
        return {name: float((self.classes(name) == truth).mean()) for name in self.by_reading}


def votes_of(layer: int) -> str:
    """Name of the paper's reading: the fixed random readout's votes of a layer (from 1)."""
    return f"votes of layer {layer}"


def score_sequences(sums: Sums, linear: LinearWeights) -> SequenceScores:
    """Votes per layer (P 4.3), and all as the network's settings say that it is to be read.

    `linear` are layers that were trained on activity; they are no part of the paper's rule.
    """
    found: dict[str, npt.NDArray[np.float64]] = {
        votes_of(number): votes.astype(float) for number, votes in enumerate(sums.votes, start=1)
    }
    found[AS_TO_BE_READ] = sums.scores
    for name, (layers, weights) in linear.items():
        found[name] = apply_weights(weights, joined(sums, layers))
    return SequenceScores(found)
