"""How a network's readouts become scores of classes, millisecond by millisecond."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.layer_parameters import Floats
from models.settings import NetworkSettings

Shares = npt.NDArray[np.float64]
"""What one millisecond gives to each class, shape (..., classes); they add up to 1."""


@dataclass(frozen=True, slots=True)
class SequenceReading:
    """Of B sequences, summed over their steps from the burn-in on."""

    votes: npt.NDArray[np.int64]
    """shape (layers, B, classes): steps at which a class had the largest readout (P 4.3)."""
    scores: npt.NDArray[np.float64]
    """shape (B, classes): shares summed, as the network's settings say; the largest decides."""


def shares_of(settings: NetworkSettings, readings: Sequence[Floats] | Floats) -> Shares:
    """The mean over the layers that are read of a vote, or of softmax(y).

    `readings` are y of every layer, from the lowest, each of shape (..., classes).
    """
    chosen = np.stack([readings[layer] for layer in settings.read_layers]).astype(np.float64)
    if settings.reading == "votes":
        shares = np.zeros_like(chosen)
        np.put_along_axis(shares, chosen.argmax(-1)[..., None], 1.0, -1)
    else:
        shares = np.exp(chosen - chosen.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
    mean: Shares = shares.mean(0)
    return mean
