"""One step of Table 2 with SpikingJelly's neurons: inferring, or learning online by SLTT."""

from __future__ import annotations

from typing import Any

import torch
from spikingjelly.activation_based import neuron
from table2 import CLASSES, FEATURES, LAYERS, convolution, prepare_torch, ready
from torch import Tensor, nn

from pipeline.benchmarks.worker import Ready, serve

RATE = 1e-4


def stack(*, learn: bool) -> nn.Sequential:
    """Convolution, pooling and neuron three times, then a dense layer to the classes."""
    kind = neuron.SLTTLIFNode if learn else neuron.LIFNode
    modules: list[nn.Module] = []
    for number, (_, pool) in enumerate(LAYERS):
        modules.append(convolution(number))
        if pool > 1:
            modules.append(nn.MaxPool2d(pool))
        modules.append(kind(tau=10.0))
    return nn.Sequential(*modules, nn.Flatten(), nn.Linear(FEATURES[-1], CLASSES))


def prepare(options: dict[str, Any]) -> Ready:
    """Ready to step."""
    prepare_torch(options["threads"])
    model = stack(learn=options["learn"])
    if not options["learn"]:
        note = "membranes after pooling, one readout at the top"
        return ready(options, model, lambda frame, _target: model(frame), "spikingjelly", note)
    optimiser = torch.optim.Adamax(model.parameters(), lr=RATE, betas=(0.0, 0.95))
    loss = nn.SmoothL1Loss()
    one_hot = torch.eye(CLASSES)

    def learn(frame: Tensor, target: int) -> None:
        loss(model(frame), one_hot[target : target + 1]).backward()
        optimiser.step()
        optimiser.zero_grad()

    note = "SLTT: errors go back through the layers within one step, not through time; Adamax"
    return ready(options, model, learn, "spikingjelly", note)


serve(prepare)
