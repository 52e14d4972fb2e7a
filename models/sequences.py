"""A batch of streams through a network several milliseconds at a time.

Between two updates weights rest, so of a stretch of steps only the elementwise traces and
refractory terms must be worked off one after the other; all its convolutions are one call over
steps times streams. The result is that of `Network.step`, to the rounding of the convolution.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as functional
from torch import Tensor

from models.layer import Layer, LayerStep
from models.network import Network
from models.trainer_state import TrainerState, fill, take


@dataclass(frozen=True, slots=True)
class LayerStretch:
    """What one layer computed over a stretch; steps before streams along the first dimension."""

    p_padded: Tensor
    """Traces with their rim, shape (steps B, channels, height + 2 pad, width + 2 pad).

    A view of the runner's own storage: the next stretch overwrites it.
    """
    u: Tensor
    """Membrane potentials, shape (steps B, *shape.membrane)."""
    pooled: Tensor
    """Pooled membrane potentials, shape (steps B, *shape.pooled)."""


class SequenceRunner:
    """Holds the dynamic state of `batch` streams; `run` advances them."""

    def __init__(self, network: Network, *, batch: int, longest: int) -> None:
        """Begin in silence; `longest` is the most steps that a stretch will have."""
        self._network = network
        self._batch = batch
        self._layers = [_LayerRunner(layer, batch, longest) for layer in network.layers]

    def run(self, frames: Tensor) -> list[LayerStretch]:
        """Advance by `frames`, shape (steps, B, channels, height, width), of any number type."""
        weight = self._network.layers[0].weight
        x = frames.to(device=weight.device, dtype=weight.dtype).flatten(0, 1)
        copies = self._network.settings.input_copies
        if copies > 1:
            x = x.repeat(1, copies, 1, 1)
        stretches: list[LayerStretch] = []
        for runner, layer in zip(self._layers, self._network.layers, strict=True):
            stretch = runner.run(x.contiguous(memory_format=torch.channels_last))
            stretches.append(stretch)
            x = layer.emit(stretch.pooled)
        return stretches

    def readings(self, stretches: list[LayerStretch]) -> Tensor:
        """Local readouts y, shape (layers, steps, B, classes)."""
        readings = [
            layer.read_out(layer.activity(stretch.pooled))
            for layer, stretch in zip(self._network.layers, stretches, strict=True)
        ]
        together = torch.stack(readings)
        return together.view(len(readings), -1, self._batch, together.shape[2])

    def last_step(self, stretches: list[LayerStretch]) -> tuple[list[Tensor], list[LayerStep]]:
        """Padded traces P and the step of every layer at the end of the stretch, to learn from."""
        traces, steps = [], []
        for layer, stretch in zip(self._network.layers, stretches, strict=True):
            u = stretch.u[-self._batch :].contiguous()
            pooled, argmax = u, None
            pool = layer.settings.pool
            if pool > 1:
                pooled, argmax = functional.max_pool2d_with_indices(u, [pool, pool])
            traces.append(stretch.p_padded[-self._batch :])
            steps.append(
                LayerStep(
                    u=u,
                    argmax=argmax,
                    spikes=layer.emit(pooled),
                    activity=layer.activity(pooled),
                )
            )
        return traces, steps

    def state(self) -> dict[str, Tensor]:
        """Traces and refractory terms of every layer and stream, by name."""
        return {
            f"{number}.{name}": tensor
            for number, layer in enumerate(self._layers)
            for name, tensor in layer.state().items()
        }

    def load_state(self, state: TrainerState) -> None:
        """Go on from what `state` gave; raises `ModelError` for other shapes."""
        for name, tensor in self.state().items():
            fill(tensor, take(state, name), name)


class _LayerRunner:
    def __init__(self, layer: Layer, batch: int, longest: int) -> None:
        self._layer = layer
        self._batch = batch

        def silence(count: int, shape: tuple[int, int, int]) -> Tensor:
            zeros = torch.zeros(
                (count, *shape), dtype=layer.weight.dtype, device=layer.weight.device
            )
            # Channels last: what the convolutions and the pooling of a CPU are fastest with.
            return zeros.contiguous(memory_format=torch.channels_last)

        channels, height, width = layer.shape.inputs
        rim = layer.settings.padding
        self._q = silence(batch, layer.shape.inputs)
        self._p = silence(batch, layer.shape.inputs)
        self._r = silence(batch, layer.shape.membrane)
        self._p_padded = silence(longest * batch, (channels, height + 2 * rim, width + 2 * rim))
        self._p_inside = self._p_padded[:, :, rim : rim + height, rim : rim + width]

    def state(self) -> dict[str, Tensor]:
        """What is carried from one stretch to the next: the tensors themselves."""
        return {"q": self._q, "p": self._p, "r": self._r}

    def run(self, x: Tensor) -> LayerStretch:
        """The equations of `Layer.step` over all steps of `x`, shape (steps B, *shape.inputs)."""
        layer, pool = self._layer, self._layer.settings.pool
        steps = [slice(begin, begin + self._batch) for begin in range(0, x.shape[0], self._batch)]
        for now in steps:
            layer.advance_traces(self._q, self._p, x[now])
            self._p_inside[now].copy_(self._p)
        p_padded = self._p_padded[: x.shape[0]]
        u = functional.conv2d(p_padded, layer.weight, layer.bias)
        for now in steps:
            layer.apply_refractory(self._r, u[now])
        pooled = functional.max_pool2d(u, pool) if pool > 1 else u
        return LayerStretch(p_padded=p_padded, u=u, pooled=pooled)
