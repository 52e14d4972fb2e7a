"""Training a network on minibatches of labelled sequences, and counting its votes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from models.averaging import WeightAverage
from models.learner import Learner
from models.learning_settings import BURN_IN_MS, LearningSettings
from models.network import Network
from models.reading import SequenceReading, evidence_of, scores_with_other, shares_of
from models.replicas import ALONE, Replicas
from models.sequences import SequenceRunner
from models.trainer_state import TrainerState, load_weights


@dataclass(frozen=True, slots=True)
class MinibatchResult:
    """What one minibatch gave, per layer, over its steps after the burn-in."""

    loss: tuple[float, ...]
    """Smooth L1, or the loss of the settings; mean over the steps learnt from."""
    accuracy: tuple[float, ...]
    """Share of sequences whose most frequent vote was right, before and while being learnt."""
    firing_rate: tuple[float, ...]
    """Share of a layer's pooled neurons that fired, mean over steps."""


STRETCH_MS = 10
"""Steps worked off together where nothing is learnt; longer ones leave a CPU's caches."""


class Trainer:
    """Runs minibatches through a network; dynamic state is carried from one to the next."""

    def __init__(
        self,
        network: Network,
        learning: LearningSettings,
        *,
        batch: int,
        burn_in_ms: int = BURN_IN_MS,
        learn_every_ms: int = 1,
        replicas: Replicas = ALONE,
    ) -> None:
        """`batch` is this process's part, if there are several replicas."""
        self.network = network
        """To be read: what was learnt, or its running mean, between two minibatches."""
        self._average: WeightAverage | None = None
        if learning.average_decay is not None:
            network = network.copy()
            self._average = WeightAverage(network, learning.average_decay)
        self._learning = network
        self.learner = Learner(network, learning, replicas)
        self._replicas = replicas
        self._batch = batch
        self._burn_in_ms = burn_in_ms
        self._learn_every_ms = learn_every_ms
        self._runner = SequenceRunner(network, batch=batch, longest=learn_every_ms)

    @torch.no_grad()
    def run(
        self,
        frames: npt.NDArray[np.uint8],
        labels: npt.NDArray[np.int64],
        *,
        rate_factor: float = 1.0,
    ) -> MinibatchResult:
        """Learn from `frames`, shape (steps, B, channels, height, width), labels shape (B,).

        Traces change slowly against a millisecond, so `learn_every_ms` may leave out steps
        between two updates to save time; every step still advances the network.
        """
        self.learner.set_rate_factor(rate_factor)
        layers, classes = len(self.network.layers), self.network.settings.classes
        device = self.network.layers[0].weight.device
        wanted = torch.from_numpy(labels).to(device)
        one_hot = torch.nn.functional.one_hot(wanted, classes).to(torch.float32)
        counts = torch.zeros((layers, self._batch, classes), device=device)
        losses, firing, learnt = [0.0] * layers, [0.0] * layers, 0
        begin = 0
        for end in stretch_ends(frames.shape[0], self._burn_in_ms, self._learn_every_ms):
            stretches = self._runner.run(torch.from_numpy(frames[begin:end]))
            begin = end
            after = end - 1 - self._burn_in_ms
            if after < 0 or after % self._learn_every_ms != 0:
                continue
            traces, steps = self._runner.last_step(stretches)
            votes = self._learning.votes(steps)
            counts.scatter_add_(2, votes.unsqueeze(2), torch.ones_like(counts[:, :, :1]))
            if self.learner.learn(traces, steps, one_hot) and self._average is not None:
                self._average.take()
            learnt += 1
            for number, step in enumerate(steps):
                losses[number] += self.learner.losses[number]
                firing[number] += float(step.spikes.mean())
        # Nothing but gradients is left over from one minibatch to the next: that can be kept.
        self.learner.work_off()
        if self._average is not None:
            self._average.give(self.network)
        right = (counts.argmax(2) == wanted).float().mean(1)
        divide = max(learnt, 1)
        figures = torch.tensor(
            [
                [value / divide for value in losses],
                right.tolist(),
                [value / divide for value in firing],
            ],
            dtype=torch.float64,
            device=device,
        )
        loss, accuracy, firing_rate = self._replicas.mean(figures).tolist()
        return MinibatchResult(tuple(loss), tuple(accuracy), tuple(firing_rate))

    def state(self) -> TrainerState:
        """See `models.trainer_state.Resumable`."""
        kept = TrainerState()
        kept.add("network", TrainerState(self._learning.tensors()))
        if self._average is not None:
            kept.add("average", self._average.state())
        kept.add("learner", self.learner.state())
        streams = {
            name: self._replicas.join(tensor) for name, tensor in self._runner.state().items()
        }
        kept.add("streams", TrainerState(streams))
        return kept

    @torch.no_grad()
    def load_state(self, state: TrainerState) -> None:
        """See `models.trainer_state.Resumable`."""
        load_weights(self._learning, state.under("network"))
        if self._average is not None:
            self._average.load_state(state.under("average"))
            self._average.give(self.network)
        self.learner.load_state(state.under("learner"))
        everyone = self._batch * self._replicas.size
        own = self._replicas.part(everyone)
        # What is of another minibatch is left whole, and refused as such.
        streams = {
            name: value[own] if value.shape[0] == everyone else value
            for name, value in state.under("streams").tensors.items()
        }
        self._runner.load_state(TrainerState(streams))


def stretch_ends(steps: int, burn_in_ms: int, learn_every_ms: int) -> Iterator[int]:
    """Cut a sequence so that every step learnt from is the last of a stretch."""
    first_learnt = burn_in_ms + 1
    begin = first_learnt % learn_every_ms or learn_every_ms
    yield from range(begin, steps, learn_every_ms)
    yield steps


@torch.no_grad()
def read_sequences(
    network: Network, frames: npt.NDArray[np.uint8], *, burn_in_ms: int = BURN_IN_MS
) -> SequenceReading:
    """Read whole sequences, from silence, from step `burn_in_ms` on.

    `frames` has shape (steps, B, channels, height, width).
    """
    batch, settings = frames.shape[1], network.settings
    runner = SequenceRunner(network, batch=batch, longest=STRETCH_MS)
    votes = np.zeros((len(network.layers), batch, settings.classes), np.int64)
    scores = np.zeros((batch, settings.classes))
    for begin in range(0, frames.shape[0], STRETCH_MS):
        stretches = runner.run(torch.from_numpy(frames[begin : begin + STRETCH_MS]))
        readings = runner.readings(stretches)[:, max(burn_in_ms - begin, 0) :].cpu().numpy()
        winners = readings.argmax(3)[..., None] == np.arange(settings.classes)
        votes += winners.sum(1)
        scores += evidence_of(settings, shares_of(settings, readings)).sum(0)
    steps = max(frames.shape[0] - burn_in_ms, 0)
    return SequenceReading(votes, scores_with_other(settings, scores, steps))


def count_votes(
    network: Network, frames: npt.NDArray[np.uint8], *, burn_in_ms: int = BURN_IN_MS
) -> npt.NDArray[np.int64]:
    """The votes of `read_sequences`, shape (layers, B, classes)."""
    return read_sequences(network, frames, burn_in_ms=burn_in_ms).votes
