"""What every layer did over whole sequences, summed: votes, readings and activity.

On one CPU core, where spikes are (see `models.events_kernels`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from models.errors import ModelError
from models.events_kernels import step_network
from models.events_layout import WORD, Bytes, Integers, LayerArrays, aligned
from models.events_readout import softmax
from models.events_streams import EventsStreams
from models.layer_parameters import Floats
from models.network import Network
from models.reading import LEAST_SHARE, scores_with_other

compiled: Any = njit(cache=True, error_model="numpy")


@dataclass(frozen=True, slots=True)
class Sums:
    """Of N sequences, from the burn-in on."""

    votes: npt.NDArray[np.int64]
    """shape (layers, N, classes): steps at which a class had the largest readout (P 4.3)."""
    scores: npt.NDArray[np.float64]
    """shape (N, classes): of whole sequences, as the network is to be read (`models.reading`)."""
    readings: npt.NDArray[np.float64]
    """shape (layers, N, classes): readouts y, mean over steps."""
    activity: tuple[npt.NDArray[np.float32], ...]
    """Per layer, shape (N, fan-in of its readout): mean of A = sigmoid(U), channels last."""
    firing_rate: npt.NDArray[np.float64]
    """shape (layers,): share of a layer's pooled neurons that fired, mean over steps."""


class Summing:
    """Runs sequences through a network's weights as they were when it was made."""

    def __init__(self, network: Network) -> None:
        self._streams = EventsStreams(network, 1, learning=False)
        self._settings = settings = network.settings
        self._classes = settings.classes
        self._read = np.zeros(len(network.layers), np.uint8)
        self._read[list(settings.read_layers)] = 1
        self._soft = settings.reading == "softmax"
        self._multiplied = settings.over_time == "product"
        self._shape = (settings.input_channels, settings.height, settings.width)
        cells = settings.input_copies * math.prod(self._shape)
        self._x = aligned((-(-cells // WORD) * WORD,), np.uint8)

    def run(self, sequences: Iterable[npt.NDArray[np.uint8]], *, burn_in_ms: int) -> Sums:
        """Each sequence from silence, shape (steps, channels, height, width).

        Raises `ModelError` for one of another shape.
        """
        layers = self._streams.layers[0]
        votes, scores, readings, activity, steps = [], [], [], [], 0
        spikes = np.zeros(len(layers), np.int64)
        for frames in sequences:
            if frames.shape[1:] != self._shape:
                raise ModelError(f"frames: got shape {frames.shape[1:]}; allowed: {self._shape}")
            self._streams.reset()
            own_votes = np.zeros((len(layers), self._classes), np.int64)
            own_scores = np.zeros(self._classes)
            own_readings = np.zeros((len(layers), self._classes))
            own_activity = tuple(np.zeros(layer.activity.size, np.float32) for layer in layers)
            run_summing(
                layers,
                np.ascontiguousarray(frames, np.uint8),
                self._x,
                self._streams.heard,
                burn_in_ms,
                self._read,
                self._soft,
                self._multiplied,
                own_votes,
                own_scores,
                own_readings,
                own_activity,
                spikes,
            )
            counted = max(len(frames) - burn_in_ms, 1)
            votes.append(own_votes)
            scores.append(
                scores_with_other(self._settings, own_scores, max(len(frames) - burn_in_ms, 0))
            )
            readings.append(own_readings / counted)
            activity.append([values / counted for values in own_activity])
            steps += counted
        sizes = np.array([layer.activity.size for layer in layers])
        return Sums(
            votes=np.stack(votes, axis=1),
            scores=np.stack(scores),
            readings=np.stack(readings, axis=1),
            activity=tuple(
                np.stack([own[number] for own in activity]) for number in range(len(layers))
            ),
            firing_rate=spikes / steps / sizes,
        )


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # numba has no types
def run_summing(
    layers: tuple[LayerArrays, ...],
    frames: npt.NDArray[np.uint8],
    x: Bytes,
    heard: Bytes,
    burn_in: int,
    read: Bytes,
    soft: bool,
    multiplied: bool,
    votes: Integers,
    scores: Floats,
    readings: Floats,
    activity: tuple[Floats, ...],
    spikes: Integers,
) -> None:
    """Advance by `frames`; from step `burn_in` on add to the arrays from `votes` on.

    `read`, shape (layers,), says whose votes, or `soft` readings, are scored; see
    `models.reading`, which says the same of arrays.
    """
    shares, layers_shares = np.zeros(scores.size), np.zeros(scores.size)
    counts = np.zeros_like(spikes)
    winners = np.zeros_like(spikes)
    for t in range(frames.shape[0]):
        step_network(layers, frames[t], x, False, heard, winners, counts)
        if t >= burn_in:
            spikes += counts
            shares[:] = 0.0
            for number in range(len(layers)):
                votes[number, winners[number]] += 1
                if read[number] and soft:
                    layers_shares[:] = layers[number].readings
                    softmax(layers_shares)
                    shares += layers_shares
                elif read[number]:
                    shares[winners[number]] += 1.0
                readings[number] += layers[number].readings
                activity[number][:] += layers[number].activity.reshape(-1)
            shares /= read.sum()
            if multiplied:
                scores += np.log(np.maximum(shares, LEAST_SHARE))
            else:
                scores += shares
