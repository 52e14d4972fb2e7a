"""Spikes weighed as they arrive against traces weighed as they are."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from models.network import Network
from models.settings import NetworkSettings


@pytest.mark.parametrize("tau_pairs", [0, 1, 2])
def test_the_two_are_the_same_while_weights_rest(tiny: NetworkSettings, tau_pairs: int) -> None:
    """Membranes of every layer agree at every step, in double precision."""
    network = Network(replace(tiny, tau_pairs=tau_pairs, gain=5.0))
    network.load_tensors(network.tensors(), dtype=torch.float64)
    plain = network.initial_state(2)
    arriving = network.initial_state(2, weigh_spikes=True)
    generator = torch.Generator().manual_seed(3)
    shape = (2, tiny.input_channels, tiny.height, tiny.width)
    for _ in range(60):
        x = (torch.rand(shape, generator=generator) < 0.2).double()
        wanted = network.step(plain, x, learning=False)
        got = network.step(arriving, x, learning=False)
        for a, b in zip(wanted, got, strict=True):
            torch.testing.assert_close(b.u, a.u, rtol=1e-9, atol=1e-12)


def test_what_has_arrived_keeps_the_weight_it_arrived_with(tiny: NetworkSettings) -> None:
    """After a spike, other weights change nothing; for traces they do."""
    network = Network(tiny)
    plain = network.initial_state(1)
    arriving = network.initial_state(1, weigh_spikes=True)
    silence = torch.zeros(1, tiny.input_channels, tiny.height, tiny.width)
    layer = network.layers[0]
    for state in (plain[0], arriving[0]):
        layer.step(state, torch.ones_like(silence), learning=False)
        layer.step(state, silence, learning=False)
    bias = layer.bias.view(1, -1, 1, 1)
    layer.weight.zero_()
    plain_u = layer.step(plain[0], silence, learning=False).u - plain[0].r
    arriving_u = layer.step(arriving[0], silence, learning=False).u - arriving[0].r
    decided = (plain_u - bias).abs().max(), (arriving_u - bias).abs().max()
    assert decided[0] < 2.0 < 1e6, "only the bias and refractoriness are left"
    assert not torch.allclose(plain_u, arriving_u)
