"""A stack of spiking layers that all run within one tick."""

from __future__ import annotations

import torch
from torch import Tensor

from models.convolution import stored_by_kernel_row
from models.layer import Layer, LayerState, LayerStep
from models.settings import NetworkSettings


class Network:
    """Layers bottom up, made from settings and their seed."""

    def __init__(self, settings: NetworkSettings, *, device: torch.device | str = "cpu") -> None:
        self.settings = settings
        generator = torch.Generator().manual_seed(settings.seed)
        self.layers = [
            Layer(layer, settings, shape, generator)
            for layer, shape in zip(settings.layers, settings.shapes(), strict=True)
        ]
        self.load_tensors(self.tensors(), device=device)

    def tensors(self) -> dict[str, Tensor]:
        """Named parameters and constants: `layers.0.weight` and so on."""
        return {
            f"layers.{number}.{name}": tensor
            for number, layer in enumerate(self.layers)
            for name, tensor in layer.tensors().items()
        }

    def load_tensors(
        self,
        tensors: dict[str, Tensor],
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Take over tensors of the names and shapes that `tensors` gave."""
        for number, layer in enumerate(self.layers):
            for name in layer.tensors():
                tensor = tensors[f"layers.{number}.{name}"]
                own = tensor.detach().to(device=device, dtype=dtype).clone()
                setattr(layer, name, stored_by_kernel_row(own) if name == "weight" else own)
            layer.refresh_decays()

    def copy(self) -> Network:
        """Another one with the same tensors, on the same device."""
        twin = Network(self.settings)
        weight = self.layers[0].weight
        twin.load_tensors(self.tensors(), device=weight.device, dtype=weight.dtype)
        return twin

    def initial_state(self, batch: int, *, weigh_spikes: bool = False) -> list[LayerState]:
        """Silence in every layer; see `SpikeMaps` for `weigh_spikes`."""
        return [layer.initial_state(batch, weigh_spikes=weigh_spikes) for layer in self.layers]

    def step(self, states: list[LayerState], x: Tensor, *, learning: bool) -> list[LayerStep]:
        """Advance all layers by one tick of input `x`, shape (B, channels, height, width)."""
        if self.settings.input_copies > 1:
            x = x.repeat(1, self.settings.input_copies, 1, 1)
        steps: list[LayerStep] = []
        for layer, state in zip(self.layers, states, strict=True):
            step = layer.step(state, x, learning=learning)
            steps.append(step)
            x = step.spikes
        return steps

    def readings(self, steps: list[LayerStep]) -> Tensor:
        """Local readouts y, shape (layers, B, classes)."""
        return torch.stack(
            [layer.read_out(step.activity) for layer, step in zip(self.layers, steps, strict=True)]
        )

    def votes(self, steps: list[LayerStep]) -> Tensor:
        """Shape (layers, B): the class (from 0) whose local readout is largest (P 4.3)."""
        return self.readings(steps).argmax(2)
