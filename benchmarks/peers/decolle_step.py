"""One step of the decolle package's own network: inferring, or learning at every step.

The package is under the GPL: this program uses its classes as its users do, and is no part of
wigwag.
"""

from __future__ import annotations

from typing import Any

import torch
from decolle.base_model import DECOLLELoss
from decolle.lenet_decolle_model import LenetDECOLLE
from table2 import CLASSES, FEATURES, INPUT, KERNEL, LAYERS, PADDING, prepare_torch, ready
from torch import Tensor, nn

from pipeline.benchmarks.worker import Ready, serve

RATE = 1e-4


def network(padding: int) -> LenetDECOLLE:
    """Its network with the channels, kernels and pooling of Table 2; its own padding is 3."""
    net = LenetDECOLLE(
        list(INPUT),
        Nhid=[channels for channels, _ in LAYERS],
        Mhid=[],
        out_channels=CLASSES,
        kernel_size=[KERNEL],
        pool_size=[pool for _, pool in LAYERS],
        num_conv_layers=len(LAYERS),
        num_mlp_layers=0,
        lc_ampl=0.5,
    )
    if padding == PADDING:
        for number, (layer, features) in enumerate(zip(net.LIF_layers, FEATURES, strict=True)):
            layer.base_layer.padding = (padding, padding)
            readout = nn.Linear(features, CLASSES)
            readout.requires_grad_(requires_grad=False)
            net.readout_layers[number] = readout
    return net


def prepare(options: dict[str, Any]) -> Ready:
    """Ready to step."""
    prepare_torch(options["threads"])
    net = network(options["padding"])
    silence = torch.zeros(1, 1, *INPUT)
    net.init_parameters(silence)
    net.init(silence)
    note = f"padding {options['padding']}, readout in every layer"
    if not options["learn"]:
        return ready(options, net, lambda frame, _target: net.step(frame), "decolle", note)
    loss = DECOLLELoss([nn.SmoothL1Loss() for _ in LAYERS], net)
    optimiser = torch.optim.Adamax(list(net.get_trainable_parameters()), lr=RATE, betas=(0.0, 0.95))
    one_hot = torch.eye(CLASSES)

    def learn(frame: Tensor, target: int) -> None:
        spikes, readouts, potentials = net.step(frame)
        loss(spikes, readouts, potentials, one_hot[target : target + 1]).backward()
        optimiser.step()
        optimiser.zero_grad()

    return ready(options, net, learn, "decolle", f"{note}; Adamax, no regulariser")


serve(prepare)
