"""A readout that learns from what differs from its usual input."""

from __future__ import annotations

import torch
from torch import Tensor

from models.settings import MEAN_DECAY
from models.trainer_state import TrainerState, fill, take


class CentredReadout:
    """The mean m of what a readout reads, and y = G (A - m) + c' in the place of y = G A + c.

    A quiet neuron's A is near 1/2, so that gradients e A^T are nearly alike for all neurons, and
    steps along them move all readings together. So the gradient is e (A - m)^T, and c makes up for
    what a step of G does to the mean: c <- c + (G_old - G_new) m. Both are local.
    """

    def __init__(self, readout: Tensor, offset: Tensor) -> None:
        self._readout = readout
        self._offset = offset
        self._seen = torch.zeros_like(readout[0])
        self._mean = torch.zeros_like(readout[0])
        self._before = readout
        self._updates = 0

    def see(self, activity: Tensor) -> None:
        """Take in what was read, summed over steps and its mean over streams, shape (fan-in,)."""
        self._seen += activity

    def begin_update(self, steps: int, kept: float) -> None:
        """Before the optimiser's step: centre the gradient of `steps` steps; the readout decays.

        Where an error trigger let none through, there is nothing to do but to go on averaging.
        """
        self._updates += 1
        share = (1.0 - MEAN_DECAY) / (1.0 - MEAN_DECAY**self._updates)
        self._mean.lerp_(self._seen / steps, share)
        self._seen.zero_()
        self._before = self._readout.clone()
        if self._readout.grad is not None and self._offset.grad is not None:
            self._readout.grad -= torch.outer(self._offset.grad, self._mean)
            self._readout.mul_(kept)

    def end_update(self) -> None:
        """After it: what the mean activity is read as changes by the offset's own step alone."""
        self._offset += (self._before - self._readout) @ self._mean

    def state(self) -> TrainerState:
        """See `models.trainer_state.Resumable`."""
        return TrainerState({"seen": self._seen, "mean": self._mean}, {"updates": self._updates})

    def load_state(self, state: TrainerState) -> None:
        """See `models.trainer_state.Resumable`."""
        self._updates = int(state.numbers["updates"])
        fill(self._seen, take(state, "seen"), "activity seen")
        fill(self._mean, take(state, "mean"), "mean activity")
