"""Training a network on minibatches of labelled sequences, one tick at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from models.learner import Learner
from models.network import Network
from models.settings import LearningSettings


@dataclass(frozen=True, slots=True)
class MinibatchResult:
    """What one minibatch gave, per layer, over its steps after the burn-in."""

    loss: tuple[float, ...]
    """Smooth L1, mean over the steps learnt from."""
    accuracy: tuple[float, ...]
    """Share of sequences whose most frequent vote was right, before and while being learnt."""
    firing_rate: tuple[float, ...]
    """Share of a layer's pooled neurons that fired, mean over steps."""


BURN_IN_MS = 50
"""Nothing is learnt from the first steps of a sequence: traces still hold the one before."""


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
    ) -> None:
        self.network = network
        self.learner = Learner(network, learning)
        self._rate = learning.rate
        self._batch = batch
        self._burn_in_ms = burn_in_ms
        self._learn_every_ms = learn_every_ms
        self._states = network.initial_state(batch)

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
        self.learner.set_rate(self._rate * rate_factor)
        layers, classes = len(self.network.layers), self.network.settings.classes
        device = self.network.layers[0].weight.device
        wanted = torch.from_numpy(labels).to(device)
        one_hot = torch.nn.functional.one_hot(wanted, classes).to(torch.float32)
        counts = torch.zeros((layers, self._batch, classes), device=device)
        losses, firing, learnt = [0.0] * layers, [0.0] * layers, 0
        for t in range(frames.shape[0]):
            after = t - self._burn_in_ms
            learn = after >= 0 and after % self._learn_every_ms == 0
            x = torch.from_numpy(frames[t]).to(device=device, dtype=torch.float32)
            steps = self.network.step(self._states, x, learning=learn)
            if not learn:
                continue
            votes = self.network.votes(steps)
            counts.scatter_add_(2, votes.unsqueeze(2), torch.ones_like(counts[:, :, :1]))
            self.learner.learn(self._states, steps, one_hot)
            learnt += 1
            for number, step in enumerate(steps):
                losses[number] += self.learner.losses[number]
                firing[number] += float(step.spikes.mean())
        right = (counts.argmax(2) == wanted).float().mean(1)
        divide = max(learnt, 1)
        return MinibatchResult(
            loss=tuple(value / divide for value in losses),
            accuracy=tuple(float(value) for value in right),
            firing_rate=tuple(value / divide for value in firing),
        )


@torch.no_grad()
def count_votes(
    network: Network, frames: npt.NDArray[np.uint8], *, burn_in_ms: int = 50
) -> npt.NDArray[np.int64]:
    """Votes of every layer over whole sequences, from silence (P 4.3).

    `frames` has shape (steps, B, channels, height, width); the result (layers, B, classes) counts
    the steps from `burn_in_ms` on at which a class had the largest readout.
    """
    batch = frames.shape[1]
    device = network.layers[0].weight.device
    states = network.initial_state(batch)
    layers, classes = len(network.layers), network.settings.classes
    counts = torch.zeros((layers, batch, classes), dtype=torch.int64, device=device)
    one = torch.ones((layers, batch, 1), dtype=torch.int64, device=device)
    for t in range(frames.shape[0]):
        x = torch.from_numpy(frames[t]).to(device=device, dtype=torch.float32)
        steps = network.step(states, x, learning=False)
        if t >= burn_in_ms:
            counts.scatter_add_(2, network.votes(steps).unsqueeze(2), one)
    result: npt.NDArray[np.int64] = counts.cpu().numpy()
    return result
