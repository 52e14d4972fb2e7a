"""Votes of every millisecond of every gesture, and what can be read from them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from models.events_streams import EventsStreams
from models.network import Network
from pipeline.experiments.linear_readout import Classes
from pipeline.trials import TrialFrames

Votes = npt.NDArray[np.int16]
"""shape (layers, N, steps): the class (from 0) with the largest readout."""


def votes_of_trials(network: Network, trials: Sequence[TrialFrames], *, steps: int) -> Votes:
    """Each gesture's first `steps` milliseconds, from silence."""
    found = np.zeros((len(network.layers), len(trials), steps), np.int16)
    for number, trial in enumerate(trials):
        streams = EventsStreams(network, 1, learning=False)
        found[:, number] = streams.run(0, trial.unpack(0, steps)).T
    return found


def decisions(votes: Votes, *, classes: int, burn_in_ms: int) -> npt.NDArray[np.int16]:
    """The class with the most votes since the burn-in, at every step after it.

    `votes` has shape (N, steps), the result (N, steps - burn_in_ms).
    """
    counted = votes[:, burn_in_ms:]
    counts = np.cumsum(counted[:, :, None] == np.arange(classes), axis=1, dtype=np.int32)
    decided: npt.NDArray[np.int16] = counts.argmax(2).astype(np.int16)
    return decided


def first_right_ms(
    decided: npt.NDArray[np.int16], truth: Classes, *, burn_in_ms: int
) -> npt.NDArray[np.float64]:
    """When each gesture's decision is right for the first time; NaN where it never is."""
    right = decided == truth[:, None]
    first = right.argmax(1) + burn_in_ms + 1.0
    return np.where(right.any(1), first, np.nan)
