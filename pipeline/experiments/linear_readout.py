"""A linear layer trained on activity: what a layer's neurons tell beyond fixed random readouts.

It is the exact solution of regularised least squares, the layers below at rest meanwhile:

    W = (X^T X + ridge I)^-1 X^T T = X^T (X X^T + ridge I)^-1 T

A row of X is a sample's activity (mean over its steps) less 1/2, with a 1 for the offset; a row of
T its one-hot class. The second form is the smaller one where neurons outnumber samples.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from models.events_sums import Sums

Activity = npt.NDArray[np.float32]
Classes = npt.NDArray[np.int64]
LINEAR_TOP, LINEAR_ALL = "linear layer on layer 3", "linear layer on all layers"
LINEAR_LAYERS = {LINEAR_TOP: (2,), LINEAR_ALL: (0, 1, 2)}
"""Ways of reading a network of three layers, and the layers (from 0) that each looks at."""
LinearWeights = dict[str, tuple[tuple[int, ...], npt.NDArray[np.float64]]]
"""By name: the layers (from 0) whose activity a linear layer reads, and its weights."""


def fit_linear(
    sums: Sums, classes: Classes, layers_of: Mapping[str, tuple[int, ...]], *, ridge: float
) -> LinearWeights:
    """Linear layers of these names, each on the activity of some layers (from 0)."""
    wanted = np.eye(sums.votes.shape[2])[classes]
    return {
        name: (layers, least_squares(joined(sums, layers), wanted, ridge=ridge))
        for name, layers in layers_of.items()
    }


def least_squares(
    activity: Activity, wanted: npt.NDArray[np.float64], *, ridge: float
) -> npt.NDArray[np.float64]:
    """W of shape (inputs + 1, classes), the offset last.

    `activity` has shape (N, inputs), `wanted` (N, classes).
    """
    x: npt.NDArray[Any] = _with_offset(activity)
    samples, inputs = x.shape
    if samples < inputs:
        shares: npt.NDArray[Any] = np.linalg.solve(x @ x.T + ridge * np.eye(samples), wanted)
        few: npt.NDArray[Any] = x.T @ shares
        return few
    found: npt.NDArray[Any] = np.linalg.solve(x.T @ x + ridge * np.eye(inputs), x.T @ wanted)
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
