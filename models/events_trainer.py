"""Training where spikes are: minibatches on one CPU core, as `models.trainer` with other kernels.

A network of the paper's size takes 340 million operations a step densely, and a few per cent of
that where its neurons are sparse. Every sequence of a minibatch has its own state; they share
weights and gradient. Spikes are weighed as they arrive (`models.spike_maps`), so that an update
costs no sequence anything.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from models.errors import not_finite
from models.events_averaging import EventsAverage
from models.events_layout import PARAMETERS, STATE, learning_arrays, learnt_tensors
from models.events_learning import take_step, update, work_off
from models.events_readout import learning_terms, step_sizes
from models.events_streams import EventsStreams
from models.learning_settings import BURN_IN_MS, LearningSettings
from models.network import Network
from models.plain_only import refuse_plain_only
from models.trainer import MinibatchResult, stretch_ends
from models.trainer_state import TrainerState, fill, take

CARRIED = (
    "gradient",
    "bias_gradient",
    "scale",
    "bias_scale",
    "readout_gradient",
    "readout_scale",
    "offset_gradient",
    "offset_scale",
    "seen",
    "mean",
    "readout_counts",
)
"""What learning carries from one minibatch to the next."""


class EventsTrainer:
    """Runs minibatches through a network; dynamic state is carried from one to the next.

    Raises `ModelError` for settings that only the plain trainer knows.
    """

    def __init__(
        self,
        network: Network,
        learning: LearningSettings,
        *,
        batch: int,
        burn_in_ms: int = BURN_IN_MS,
        learn_every_ms: int = 1,
    ) -> None:
        refuse_plain_only("events", network.settings, learning, "torch")
        self.network = network
        self._learning = learning
        self._burn_in_ms = burn_in_ms
        self._learn_every_ms = learn_every_ms
        self._streams = EventsStreams(network, batch, learning=True)
        shared = self._streams.layers[0]
        readout = learning.readout_rate > 0
        self._learnt = tuple(learning_arrays(arrays, readout=readout) for arrays in shared)
        decay = learning.average_decay
        self._average = None if decay is None else EventsAverage(shared, decay)
        self._random = np.array([learning.seed % 2**32], np.uint32)
        self._progress = np.zeros(2, np.int64)

    def run(
        self,
        frames: npt.NDArray[np.uint8],
        labels: npt.NDArray[np.int64],
        *,
        rate_factor: float = 1.0,
    ) -> MinibatchResult:
        """Learn from `frames`, shape (steps, B, channels, height, width), labels shape (B,).

        See `models.trainer.Trainer.run`. Raises `ModelError` for weights that are not finite.
        """
        learning, streams = self._learning, self._streams
        terms, sizes = learning_terms(learning), step_sizes(learning, rate_factor=rate_factor)
        layers = len(self._learnt)
        counts = np.zeros((layers, len(labels), self.network.settings.classes), np.int64)
        streams.spikes[:] = 0
        losses = np.zeros(layers)
        learnt = begin = 0
        for end in stretch_ends(frames.shape[0], self._burn_in_ms, self._learn_every_ms):
            after = end - 1 - self._burn_in_ms
            learns = after >= 0 and after % self._learn_every_ms == 0
            for number, arrays in enumerate(streams.layers):
                votes = streams.run(number, frames[begin:end, number])
                if learns:
                    target = int(labels[number])
                    counts[np.arange(layers), number, votes[-1]] += 1
                    losses += [
                        _loss(layer.readings, target, terms.cross_entropy) for layer in arrays
                    ]
                    take_step(
                        arrays,
                        self._learnt,
                        streams.heard,
                        target,
                        terms,
                        self._random,
                        self._progress,
                    )
                    work_off(arrays, self._learnt, self._progress, 0, 1)
            begin = end
            if learns:
                learnt += 1
                if not update(streams.layers[0], self._learnt, self._progress, False, sizes):
                    raise not_finite()
                if self._average is not None:
                    self._average.take()
        self._put_back()
        right = (counts.argmax(2) == labels).mean(1)
        steps = frames.shape[0] * len(labels)
        neurons = [layer.shape.readout_inputs for layer in self.network.layers]
        return MinibatchResult(
            loss=tuple(float(value) for value in losses / max(learnt * len(labels), 1)),
            accuracy=tuple(float(value) for value in right),
            firing_rate=tuple(float(value) for value in streams.spikes / steps / neurons),
        )

    def reset(self) -> None:
        """Back to silence: the next minibatch goes on from nothing that the last one left."""
        self._streams.reset()

    def state(self) -> TrainerState:
        """See `models.trainer_state.Resumable`."""
        return TrainerState({name: torch.from_numpy(array) for name, array in self._kept().items()})

    def load_state(self, state: TrainerState) -> None:
        """See `models.trainer_state.Resumable`."""
        for name, array in self._kept().items():
            fill(torch.from_numpy(array), take(state, name), name)
        self._put_back()

    @torch.no_grad()
    def _put_back(self) -> None:
        """Give the network what was learnt, or its running mean."""
        if self._average is None:
            learnt = [learnt_tensors(arrays) for arrays in self._streams.layers[0]]
        else:
            learnt = self._average.tensors()
        for tensors, layer in zip(learnt, self.network.layers, strict=True):
            for name, tensor in tensors.items():
                getattr(layer, name).copy_(torch.from_numpy(tensor))

    def _kept(self) -> dict[str, npt.NDArray[Any]]:
        """The arrays in use that the next minibatch depends on, by name."""
        kept: dict[str, npt.NDArray[Any]] = {"random": self._random, "progress": self._progress}
        for number, (shared, learnt) in enumerate(
            zip(self._streams.layers[0], self._learnt, strict=True)
        ):
            kept |= {f"{number}.{name}": getattr(shared, name) for name in PARAMETERS}
            kept |= {f"{number}.{name}": getattr(learnt, name) for name in CARRIED}
        if self._average is not None:
            kept |= {f"average.{name}": array for name, array in self._average.kept().items()}
        for stream, layers in enumerate(self._streams.layers):
            for number, arrays in enumerate(layers):
                kept |= {f"{stream}.{number}.{name}": getattr(arrays, name) for name in STATE}
        return kept


def _loss(readings: npt.NDArray[np.floating[Any]], target: int, cross_entropy: bool) -> float:
    """Cross-entropy, or smooth L1 against the one-hot class, the mean over classes."""
    errors = readings.astype(np.float64)
    if cross_entropy:
        return float(np.logaddexp.reduce(errors) - errors[target])
    errors[target] -= 1.0
    size = np.abs(errors)
    return float(np.where(size < 1.0, 0.5 * errors * errors, size - 0.5).mean())
