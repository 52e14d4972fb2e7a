"""A whole network's steps as in-place functions over static buffers, learning included."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Literal

import torch
from torch import Tensor

from models.errors import ModelError
from models.graph_chains import Chains, fused_chains
from models.graph_lanes import Lanes, Mark
from models.graph_layer import GraphLayer
from models.graph_learning import LayerLearning
from models.graph_settings import GraphSettings, arithmetic
from models.learning_settings import LearningSettings
from models.network import Network

Kind = Literal["infer", "gather", "update"]
"""Of a step: advance; also add the gradient; also add it and apply what was gathered."""


class GraphNetwork:
    """`run` advances B streams by a stretch of steps, with no look at any value on the way.

    Nothing here waits for the device or branches on data, so a stretch can be captured. `frames`,
    `targets` and the results are the device's side of whoever calls; `slots` is the longest
    stretch. The network given follows what is learnt.
    """

    def __init__(
        self,
        network: Network,
        learning: LearningSettings | None,
        *,
        batch: int,
        slots: int,
        settings: GraphSettings,
    ) -> None:
        self.network = network
        self.learning = learning
        self.batch = batch
        self._settings = settings
        made = network.settings
        like = network.layers[0].weight
        self.device = like.device
        chains = fused_chains() if settings.fused else Chains()
        kind = settings.convolution_for(batch)
        self.layers = [
            GraphLayer(layer, batch=batch, kind=kind, chains=chains) for layer in network.layers
        ]
        count = len(self.layers)
        seed = 0 if learning is None else learning.seed
        self.generator = torch.Generator(device=self.device).manual_seed(seed)
        self.rate = like.new_full((), 0.0 if learning is None else learning.rate)
        self._learning = [
            LayerLearning(layer, learning, rate=self.rate, batch=batch)
            for layer in self.layers
            if learning is not None
        ]
        self._lanes = Lanes(self.device, count)
        copies = made.input_copies
        self._x = torch.zeros_like(self.layers[0].state()[0])
        self._x_copies = self._x.view(batch, copies, made.input_channels, made.height, made.width)
        self._gain = like.new_full((), network.layers[0].gain)
        self._classes = torch.arange(made.classes, device=self.device)
        self._one_hot = like.new_zeros((batch, made.classes))
        self._offsets = torch.stack([layer.readout_offset for layer in network.layers])
        self._base = like.new_zeros((count, batch, made.classes))
        self.errors = like.new_zeros((slots, count, batch, made.classes))
        """y - target per step, layer, stream and class, of steps that were learnt from."""

    def persistent(self) -> list[Tensor]:
        """Everything that outlives a stretch, except for the generator."""
        tensors = [tensor for layer in self.layers for tensor in layer.state()]
        return tensors + [tensor for learning in self._learning for tensor in learning.state()]

    @torch.no_grad()
    def silence(self) -> None:
        """Forget the dynamic state, keep weights and gathered gradients."""
        for layer in self.layers:
            for tensor in layer.state():
                tensor.zero_()

    def arithmetic(self) -> AbstractContextManager[None]:
        """What is queued or captured within computes as the settings say."""
        return arithmetic(self._settings)

    def check_weights(self) -> None:
        """Raise `ModelError` where a weight is not finite; waits for the device.

        What is not finite stays so through every later update, so a look now and then misses
        nothing.
        """
        sums = torch.stack([layer.convolution.parameters.abs().amax() for layer in self.layers])
        if not bool(torch.isfinite(sums).all()):
            raise ModelError(
                "learning: got weights that are not finite; allowed: finite numbers; "
                "go back to the last checkpoint and learn with a smaller rate"
            )

    @torch.no_grad()
    def run(
        self,
        kinds: tuple[Kind, ...],
        frames: Tensor,
        targets: Tensor,
        votes: Tensor,
        spikes: Tensor,
    ) -> None:
        """Queue a step for each of `kinds`, the first from `frames[0]` into slot 0.

        `frames` has shape (slots, B, channels, height, width), uint8; `targets` (B,) holds
        classes; results are `votes` and numbers of `spikes`, both of shape (slots, layers, B).
        """
        if any(kind != "infer" for kind in kinds):
            torch.eq(targets.unsqueeze(1), self._classes, out=self._one_hot)
            torch.sub(self._offsets.unsqueeze(1), self._one_hot, out=self._base)
        with self._lanes.forked():
            for slot, kind in enumerate(kinds):
                self._step(slot, kind, frames[slot], votes[slot], spikes[slot])

    def _step(self, slot: int, kind: Kind, frame: Tensor, votes: Tensor, spikes: Tensor) -> None:
        taken: list[Mark] = [None] * len(self.layers)
        lanes = self._lanes
        emitted: Mark = None
        for number, layer in enumerate(self.layers):
            with lanes.within(number):
                if number == 0:
                    copies = frame.unsqueeze(1).expand(self._x_copies.shape)
                    torch.mul(copies, self._gain, out=self._x_copies)
                    layer.take_in(self._x)
                else:
                    lanes.wait(number, emitted)
                    layer.take_in(self.layers[number - 1].output)
                taken[number] = lanes.mark(number)
                layer.advance()
                emitted = lanes.mark(number)
                layer.report(votes[number], spikes[number])
                if kind != "infer":
                    self._learning[number].gather(
                        self._base[number], self.errors[slot, number], self.generator
                    )
                if kind == "update":
                    self._learning[number].update()
        # A layer's next step overwrites its output: only after the layer above has taken it in.
        for number, mark in enumerate(taken[1:]):
            lanes.wait(number, mark)
