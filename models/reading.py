"""How a network's readouts become scores of classes, millisecond by millisecond."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.layer_parameters import Floats
from models.settings import NetworkSettings

Shares = npt.NDArray[np.float64]
"""What one millisecond gives to each class, shape (..., classes); they add up to 1."""
LEAST_SHARE = 1e-6
"""Taken for less where shares are multiplied: one millisecond must not rule a class out."""


@dataclass(frozen=True, slots=True)
class SequenceReading:
    """Of B sequences, summed over their steps from the burn-in on."""

    votes: npt.NDArray[np.int64]
    """shape (layers, B, classes): steps at which a class had the largest readout (P 4.3)."""
    scores: npt.NDArray[np.float64]
    """shape (B, classes): of whole gestures, as the network's settings say; the largest decides."""


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


def evidence_of(settings: NetworkSettings, shares: Shares) -> Shares:
    """What the shares of a millisecond add to the scores of a gesture, shape as theirs."""
    if settings.over_time == "sum":
        return shares
    logarithms: Shares = np.log(np.maximum(shares, LEAST_SHARE))
    return logarithms


def scores_with_other(
    settings: NetworkSettings, scores: Shares, steps: int | npt.NDArray[np.int64]
) -> Shares:
    """The scores of gestures, shape (..., classes), with what the class of all else has at least.

    `steps`, shape (...), is how many milliseconds they are of. A movement that is none of the
    classes looks now like one of them and now like another: none of them lasts.
    """
    if not settings.other_class:
        return scores
    least = settings.other_share
    if settings.over_time == "product":
        least = math.log(least)
    given, other = scores.copy(), settings.other_class - 1
    given[..., other] = np.maximum(given[..., other], least * np.asarray(steps))
    return given


def share_in_mean(settings: NetworkSettings, score: float, steps: int) -> float:
    """The share of a class over a gesture of so many milliseconds, from its score."""
    mean = score / steps
    return math.exp(mean) if settings.over_time == "product" else mean
