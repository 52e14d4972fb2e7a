"""Running means of what is learnt: the network to be read, beside the one that learns."""

from __future__ import annotations

import torch

from models.network import Network
from models.trainer_state import TrainerState, fill, load_weights, take


def share_of_update(decay: float, number: int) -> float:
    """What update `number`, from 1, contributes to a mean with bias correction.

    m_n = sum_i d^(n - i) w_i / sum_i d^(n - i), which is m_n = m_(n-1) + share (w_n - m_(n-1)).
    """
    return (1.0 - decay) / (1.0 - decay**number)


class WeightAverage:
    """The running mean of a network's weights and readouts."""

    def __init__(self, learning: Network, decay: float) -> None:
        """`learning` is the network that changes."""
        self._learning = learning
        self._decay = decay
        self._mean = {name: tensor.clone() for name, tensor in learning.tensors().items()}
        self._taken = 0

    def take(self) -> None:
        """Take in what the network holds after an update."""
        self._taken += 1
        share = share_of_update(self._decay, self._taken)
        for name, tensor in self._learning.tensors().items():
            self._mean[name].lerp_(tensor, share)

    def give(self, network: Network) -> None:
        """Copy the mean into a network; before the first update, what was begun with."""
        load_weights(network, TrainerState(self._mean))

    def state(self) -> TrainerState:
        """See `models.trainer_state.Resumable`."""
        return TrainerState(dict(self._mean), {"taken": self._taken})

    @torch.no_grad()
    def load_state(self, state: TrainerState) -> None:
        """See `models.trainer_state.Resumable`."""
        self._taken = int(state.numbers["taken"])
        for name in self._mean:
            fill(self._mean[name], take(state, name), name)
