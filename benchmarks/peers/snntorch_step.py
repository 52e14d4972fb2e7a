"""One step of Table 2 with snnTorch's leaky neurons between the convolutions, inferring."""

from __future__ import annotations

from typing import Any

import snntorch
from table2 import CLASSES, FEATURES, LAYERS, convolution, prepare_torch, ready
from torch import Tensor, nn

from pipeline.benchmarks.worker import Ready, serve


class Stack(nn.Module):
    """Convolution, pooling and neuron three times, then a dense layer to the classes."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(convolution(number) for number in range(len(LAYERS)))
        self.pools = nn.ModuleList(
            nn.MaxPool2d(pool) if pool > 1 else nn.Identity() for _, pool in LAYERS
        )
        self.neurons = nn.ModuleList(snntorch.Leaky(beta=0.9) for _ in LAYERS)
        self.classes = nn.Linear(FEATURES[-1], CLASSES)
        self.membranes: list[Tensor] = [neuron.init_leaky() for neuron in self.neurons]

    def forward(self, x: Tensor) -> Tensor:
        """Advance by one frame."""
        for number, (convolve, pool, neuron) in enumerate(
            zip(self.convolutions, self.pools, self.neurons, strict=True)
        ):
            x, self.membranes[number] = neuron(pool(convolve(x)), self.membranes[number])
        return self.classes(x.flatten(1))


def prepare(options: dict[str, Any]) -> Ready:
    """Ready to step."""
    prepare_torch(options["threads"])
    model = Stack()
    note = "membranes after pooling, one readout at the top"
    return ready(options, model, lambda frame, _target: model(frame), "snntorch", note)


serve(prepare)
