"""How a trained readout learns: from what differs from its usual input, or from that at rest."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from models.layer import Layer
from models.learning_settings import LEAST_SQUARED, MEAN_DECAY, LearningSettings
from models.trainer_state import TrainerState, fill, take


class TrainedReadout(Protocol):
    """Of one layer; called before and after the optimiser's step."""

    def see(self, activity: Tensor) -> None:
        """Take in what was read, summed over steps and its mean over streams, shape (fan-in,)."""

    def begin_update(self, steps: int, rate: float) -> None:
        """Before the optimiser's step; gradients are those of `steps` steps."""

    def end_update(self) -> None:
        """After it."""

    def state(self) -> TrainerState:
        """See `models.trainer_state.Resumable`."""

    def load_state(self, state: TrainerState) -> None:
        """See `models.trainer_state.Resumable`."""


def trained_readout(layer: Layer, learning: LearningSettings) -> TrainedReadout:
    """The one that the settings name."""
    if learning.readout_step == "normalised":
        return NormalisedReadout(layer, learning.readout_decay)
    return CentredReadout(layer.readout, layer.readout_offset, learning.readout_decay)


class CentredReadout:
    """The mean m of what a readout reads, and y = G (A - m) + c' in the place of y = G A + c.

    A quiet neuron's A is near 1/2, so that gradients e A^T are nearly alike for all neurons, and
    steps along them move all readings together. So the gradient is e (A - m)^T, and c makes up for
    what a step of G does to the mean: c <- c + (G_old - G_new) m. Both are local.
    """

    def __init__(self, readout: Tensor, offset: Tensor, decay: float = 0.0) -> None:
        self._readout = readout
        self._offset = offset
        self._decay = decay
        self._seen = torch.zeros_like(readout[0])
        self._mean = torch.zeros_like(readout[0])
        self._before = readout
        self._updates = 0

    def see(self, activity: Tensor) -> None:
        """See `TrainedReadout.see`."""
        self._seen += activity

    def begin_update(self, steps: int, rate: float) -> None:
        """Centre the gradient; the readout decays.

        Where an error trigger let none through, there is nothing to do but to go on averaging.
        """
        self._updates += 1
        share = (1.0 - MEAN_DECAY) / (1.0 - MEAN_DECAY**self._updates)
        self._mean.lerp_(self._seen / steps, share)
        self._seen.zero_()
        self._before = self._readout.clone()
        if self._readout.grad is not None and self._offset.grad is not None:
            self._readout.grad -= torch.outer(self._offset.grad, self._mean)
            self._readout.mul_(1.0 - rate * self._decay)

    def end_update(self) -> None:
        """What the mean activity is read as changes by the offset's own step alone."""
        self._offset += (self._before - self._readout) @ self._mean

    def state(self) -> TrainerState:
        """See `models.trainer_state.Resumable`."""
        return TrainerState({"seen": self._seen, "mean": self._mean}, {"updates": self._updates})

    def load_state(self, state: TrainerState) -> None:
        """See `models.trainer_state.Resumable`."""
        self._updates = int(state.numbers["updates"])
        fill(self._seen, take(state, "seen"), "activity seen")
        fill(self._mean, take(state, "mean"), "mean activity")


class NormalisedReadout:
    """Steps in proportion to errors: G <- G - rate * mean of e (N d)^T / d^T N d, d = A - A0.

    With A0 = f(b), the activity of a layer that nothing comes into, d is what the input evokes. A
    step changes the reading that an error came from by `rate` times that error (normalised least
    mean squares, Widrow and Hoff 1960, Nagumo and Noda 1967), whatever is right already stays, and
    c <- c + (G_old - G_new) A0 leaves what rest is read as. N = I - V^T V takes out of a step what
    would change how the known is read, with the V of `models.known_directions`; without any, N = I.
    Nothing is carried from one update to the next.
    """

    def __init__(self, layer: Layer, decay: float = 0.0) -> None:
        self._layer = layer
        self._decay = decay

    def see(self, activity: Tensor) -> None:
        """Nothing is averaged."""

    def begin_update(self, steps: int, rate: float) -> None:
        """All is done here: the optimiser has no part in it."""
        layer = self._layer
        gradient = layer.readout.grad
        if gradient is None:
            return
        before = layer.readout.clone()
        layer.readout.mul_(1.0 - rate * self._decay).sub_(gradient, alpha=rate / steps)
        layer.readout_offset += (before - layer.readout) @ resting_activity(layer)

    def end_update(self) -> None:
        """See `begin_update`."""

    def state(self) -> TrainerState:
        """Nothing is kept."""
        return TrainerState()

    def load_state(self, state: TrainerState) -> None:
        """Nothing was kept."""


def resting_activity(layer: Layer) -> Tensor:
    """A0, shape (fan-in,): what a readout reads of neurons at U = b."""
    if layer.reads_spikes:
        evoked = (layer.bias > 0).to(layer.bias.dtype)
    elif layer.activation == "relu":
        evoked = layer.bias.relu()
    else:
        evoked = layer.bias.sigmoid()
    channels, rows, columns = layer.shape.pooled
    return evoked.view(channels, 1, 1).expand(channels, rows, columns).reshape(-1)


def normalised_gradient(error: Tensor, read: Tensor, layer: Layer) -> Tensor:
    """Sum of e (N d)^T / d^T N d over a batch: `error` (B, classes), `read` (B, fan-in)."""
    evoked = read - resting_activity(layer)
    squared = evoked.square().sum(1, keepdim=True)
    if len(layer.known):
        along = evoked @ layer.known.t()
        evoked = evoked - along @ layer.known
        squared = squared - along.square().sum(1, keepdim=True)
    return (error / (squared.clamp(min=0) + LEAST_SQUARED)).t() @ evoked
