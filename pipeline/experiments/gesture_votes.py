"""What every gesture is taken for, millisecond by millisecond."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from models.network import Network
from models.reading import Shares, evidence_of, scores_with_other, shares_of
from models.settings import NetworkSettings
from pipeline.experiments.linear_readout import Classes
from pipeline.experiments.step_readings import step_readings
from pipeline.trials import TrialFrames

Decisions = npt.NDArray[np.int16]
"""shape (layers + 1, N, steps after the burn-in): the class, from 0, that leads so far."""
BATCH = 24


def decisions_of_trials(
    network: Network, trials: Sequence[TrialFrames], *, steps: int, burn_in_ms: int
) -> Decisions:
    """Of each gesture's first `steps` milliseconds, from silence: by the votes of every layer, and
    in a last row as the network is to be read.
    """
    found = []
    for begin in range(0, len(trials), BATCH):
        some = trials[begin : begin + BATCH]
        frames = np.stack([trial.unpack(0, steps) for trial in some], axis=1)
        readings = step_readings(network, frames)[:, burn_in_ms:]
        voted = readings.argmax(-1)[..., None] == np.arange(readings.shape[-1])
        shares = shares_of(network.settings, readings)
        found.append(np.stack([*map(leading, voted), _leading_as_read(network.settings, shares)]))
    return np.concatenate(found, axis=1)


def leading(scores: npt.NDArray[Any]) -> npt.NDArray[np.int16]:
    """The class whose scores add up to most so far, at every step.

    `scores` has shape (steps, N, classes), the result (N, steps).
    """
    decided: npt.NDArray[np.int16] = np.cumsum(scores, axis=0).argmax(2).T.astype(np.int16)
    return decided


def _leading_as_read(settings: NetworkSettings, shares: Shares) -> npt.NDArray[np.int16]:
    """`leading` for shares as the settings say that they decide."""
    so_far = np.cumsum(evidence_of(settings, shares), axis=0)
    steps = np.arange(1, len(so_far) + 1)[:, None]
    decided: npt.NDArray[np.int16] = (
        scores_with_other(settings, so_far, steps).argmax(2).T.astype(np.int16)
    )
    return decided


def first_right_ms(
    decided: npt.NDArray[np.int16], truth: Classes, *, burn_in_ms: int
) -> npt.NDArray[np.float64]:
    """When each gesture's decision is right for the first time; NaN where it never is."""
    right = decided == truth[:, None]
    first = right.argmax(1) + burn_in_ms + 1.0
    return np.where(right.any(1), first, np.nan)
