"""The conventional network beside Poisson MNIST (P 4.2): the same shape, backpropagation."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as functional
from torch import nn

from models.settings import NetworkSettings
from pipeline.experiments.linear_readout import Classes

Images = npt.NDArray[np.uint8]


class ConventionalNetwork:
    """ReLU instead of spikes, one trained fully connected layer on top; Adamax, smooth L1."""

    def __init__(self, settings: NetworkSettings, *, rate: float, seed: int) -> None:
        """Layers as `settings` has them."""
        modules: list[nn.Module] = []
        channels = settings.input_channels
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            for layer in settings.layers:
                modules += [
                    nn.Conv2d(channels, layer.channels, layer.kernel, padding=layer.padding),
                    nn.ReLU(),
                    nn.MaxPool2d(layer.pool),
                ]
                channels = layer.channels
            top = settings.shapes()[-1].readout_inputs
            self._net = nn.Sequential(*modules, nn.Flatten(), nn.Linear(top, settings.classes))
        self._classes = settings.classes
        self._optimiser = torch.optim.Adamax(self._net.parameters(), lr=rate)

    def learn(self, images: Images, classes: Classes, *, updates: int) -> None:
        """So many updates on one minibatch: the regime of a network that learns at every step.

        `images` has shape (B, height, width).
        """
        x = _scaled(images)
        wanted = functional.one_hot(torch.from_numpy(classes), self._classes).float()
        for _ in range(updates):
            self._optimiser.zero_grad()
            torch.autograd.backward(functional.smooth_l1_loss(self._net(x), wanted))
            self._optimiser.step()

    @torch.no_grad()
    def classes(self, images: Images) -> npt.NDArray[np.int64]:
        """The class (from 0) of each image."""
        parts = [self._net(_scaled(part)).argmax(1) for part in np.array_split(images, 16)]
        found: npt.NDArray[np.int64] = torch.cat(parts).numpy()
        return found


def _scaled(images: Images) -> torch.Tensor:
    return torch.from_numpy(images[:, None].astype(np.float32) / 255.0)
