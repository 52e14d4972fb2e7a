"""Several streams through one network where spikes are: shared parameters, a state for each."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from models.checkpoint import plain_tensors
from models.events_kernels import step_network
from models.events_layout import (
    STATE,
    WORD,
    Bytes,
    Integers,
    LayerArrays,
    aligned,
    layer_arrays,
    with_own,
)
from models.layer_parameters import layer_parameters
from models.network import Network

compiled: Any = njit(cache=True, error_model="numpy")


class EventsStreams:
    """The layers' arrays for each of `streams` streams; all but `STATE` is shared."""

    def __init__(self, network: Network, streams: int, *, learning: bool) -> None:
        settings = network.settings
        shared = tuple(
            layer_arrays(layer, np.float32, learning=learning)
            for layer in layer_parameters(settings, plain_tensors(network))
        )
        self.layers = tuple(with_own(shared, STATE) for _ in range(streams))
        cells = settings.input_channels * settings.input_copies * settings.height * settings.width
        self._x = aligned((-(-cells // WORD) * WORD,), np.uint8)
        self._learning = learning
        self.heard = np.ones(len(shared), np.uint8)
        self.spikes = np.zeros(len(shared), np.int64)
        """Neurons that have fired so far, per layer."""

    def reset(self) -> None:
        """All streams back to silence."""
        for layers in self.layers:
            for layer in layers:
                for name in STATE:
                    getattr(layer, name)[:] = 0

    def run(self, stream: int, frames: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
        """Advance one stream by `frames`, shape (steps, channels, height, width).

        Gives the votes of its steps, shape (steps, layers).
        """
        frames = np.ascontiguousarray(frames, np.uint8)
        votes = np.empty((len(frames), len(self.spikes)), np.int64)
        run_stretch(
            self.layers[stream], frames, self._x, self._learning, self.heard, votes, self.spikes
        )
        return votes


@compiled  # type: ignore[untyped-decorator, unused-ignore]  # numba has no types
def run_stretch(
    layers: tuple[LayerArrays, ...],
    frames: npt.NDArray[np.uint8],
    x: Bytes,
    learning: bool,
    heard: Bytes,
    votes: Integers,
    spikes: Integers,
) -> None:
    """Advance one stream by `frames`, shape (steps, channels, height, width).

    `votes`, shape (steps, layers), are filled in; `spikes` adds up the neurons that fired.
    """
    counts = np.zeros_like(spikes)
    for t in range(frames.shape[0]):
        step_network(layers, frames[t], x, learning, heard, votes[t], counts)
        spikes += counts
