"""A linear layer trained on activity: what a layer's neurons tell beyond fixed random readouts.

Of the samples only two sums are kept, which give the exact solution of regularised least squares:

    A <- A + x x^T      B <- B + x t^T      W = (A + ridge I)^-1 B

x is a sample's activity (mean over its steps) less 1/2, with a 1 for the offset; t its one-hot
class.
The layers below must rest meanwhile: activity before they learnt is no activity of theirs now.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from models.events_sums import Sums

Activity = npt.NDArray[np.float32]
Classes = npt.NDArray[np.int64]
LinearWeights = dict[str, tuple[tuple[int, ...], npt.NDArray[np.float64]]]
"""By name: the layers (from 0) whose activity a linear layer reads, and its weights."""


class LinearReadout:
    """Of `inputs` neurons and so many classes; knows nothing at first."""

    def __init__(self, inputs: int, classes: int, *, ridge: float) -> None:
        self._a: npt.NDArray[Any] = np.zeros((inputs + 1, inputs + 1))
        self._ridge = ridge
        self._b: npt.NDArray[Any] = np.zeros((inputs + 1, classes))

    def learn(self, activity: Activity, classes: Classes) -> None:
        """Take in N samples: activity of shape (N, inputs), classes from 0, shape (N,)."""
        x = _with_offset(activity)
        self._a += x.T @ x
        self._b += x.T @ np.eye(self._b.shape[1])[classes]

    def weights(self) -> npt.NDArray[np.float64]:
        """W, shape (inputs + 1, classes), the offset last."""
        solved: npt.NDArray[np.float64] = np.linalg.solve(
            self._a + self._ridge * np.eye(len(self._a)), self._b
        )
        return solved


def fit_linear(
    sums: Sums, classes: Classes, layers_of: Mapping[str, tuple[int, ...]], *, ridge: float
) -> LinearWeights:
    """Linear layers of these names, each on the activity of some layers (from 0)."""
    found: LinearWeights = {}
    for name, layers in layers_of.items():
        activity = joined(sums, layers)
        readout = LinearReadout(activity.shape[1], sums.votes.shape[2], ridge=ridge)
        readout.learn(activity, classes)
        found[name] = (layers, readout.weights())
    return found


def apply_weights(weights: npt.NDArray[np.float64], activity: Activity) -> npt.NDArray[np.float64]:
    """Scores of shape (N, classes) for activity of shape (N, inputs)."""
    scores: npt.NDArray[np.float64] = _with_offset(activity) @ weights
    return scores


def joined(sums: Sums, layers: tuple[int, ...]) -> Activity:
    """Mean activity of some layers (from 0) side by side, shape (N, their neurons)."""
    return np.concatenate([sums.activity[layer] for layer in layers], axis=1)


def _with_offset(activity: Activity) -> npt.NDArray[np.float64]:
    x = np.ones((len(activity), activity.shape[1] + 1))
    x[:, :-1] = activity - 0.5
    return x
