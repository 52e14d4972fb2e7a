"""The layer against a loop written straight from the equations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.network import Network
from models.settings import NetworkSettings


def step_from_equations(layer, q, p, r, x):
    """One step of one stream in plain loops over channels and positions; returns u, S, A."""
    channels, height, width = layer.shape.inputs
    out_channels, rows, columns = layer.shape.membrane
    kernel, pad, pool = layer.settings.kernel, layer.settings.padding, layer.settings.pool
    for c in range(channels):
        a_s = 1 - 1 / float(layer.tau_s_ms[c])
        a_m = 1 - 1 / float(layer.tau_m_ms[c])
        q[c] = a_s * q[c] + (1 - a_s) * layer.gain * x[c]
        p[c] = a_m * p[c] + (1 - a_m) * q[c]
    weight, bias = layer.weight.double().numpy(), layer.bias.double().numpy()
    u = np.zeros((out_channels, rows, columns))
    for o in range(out_channels):
        for i in range(rows):
            for j in range(columns):
                r[o, i, j] *= 0.65
                total = bias[o] + r[o, i, j]
                for c in range(channels):
                    for k in range(kernel):
                        for m in range(kernel):
                            y, z = i + k - pad, j + m - pad
                            if 0 <= y < height and 0 <= z < width:
                                total += weight[o, c, k, m] * p[c, y, z]
                u[o, i, j] = total
                if total > 0:
                    r[o, i, j] -= 1.0
    s, a = (u > 0).astype(float), 1 / (1 + np.exp(-u))
    pooled = (out_channels, rows // pool, columns // pool)
    spikes, activity = np.zeros(pooled), np.zeros(pooled)
    for o, i, j in np.ndindex(*pooled):
        window = (o, slice(i * pool, (i + 1) * pool), slice(j * pool, (j + 1) * pool))
        spikes[o, i, j], activity[o, i, j] = s[window].max(), a[window].max()
    return u, spikes, activity


@pytest.mark.parametrize("batch", [1, 2])
def test_step_follows_the_equations(tiny: NetworkSettings, batch: int, random_frames) -> None:
    """Traces, membrane, refractoriness, pooled spikes and activity are those of the equations."""
    network = Network(tiny)
    network.load_tensors(network.tensors(), dtype=torch.float64)
    states = network.initial_state(batch)
    expected = [
        [
            (
                np.zeros(layer.shape.inputs),
                np.zeros(layer.shape.inputs),
                np.zeros(layer.shape.membrane),
            )
            for layer in network.layers
        ]
        for _ in range(batch)
    ]
    frames = random_frames(12, batch, 2, 10, 9)
    fired = 0
    for frame in frames:
        steps = network.step(states, torch.from_numpy(frame).double(), learning=False)
        for stream in range(batch):
            x = frame[stream].astype(float)
            for number, layer in enumerate(network.layers):
                u, spikes, activity = step_from_equations(layer, *expected[stream][number], x)
                got = steps[number]
                np.testing.assert_allclose(got.u[stream].numpy(), u, atol=1e-12)
                np.testing.assert_array_equal(got.spikes[stream].numpy(), spikes)
                np.testing.assert_allclose(got.activity[stream].numpy(), activity, atol=1e-12)
                x = spikes
                fired += int(spikes.sum())
    assert fired > 100


def test_unit_gain_makes_a_constant_input_its_own_trace(tiny: NetworkSettings) -> None:
    """With gain 1 a pixel that is always on has a trace that tends to 1."""
    network = Network(tiny)
    layer = network.layers[0]
    layer.gain = 1.0
    layer.refresh_decays()
    state = layer.initial_state(1)
    for _ in range(600):
        layer.step(state, torch.ones(1, 2, 10, 9), learning=False)
    torch.testing.assert_close(state.p, torch.ones(1, 2, 10, 9), atol=1e-4, rtol=0)


def test_one_stream_and_a_batch_agree(tiny: NetworkSettings, random_frames) -> None:
    """The matrix products of a single stream give what the library's convolution gives."""
    network = Network(tiny)
    single, batch = network.initial_state(1), network.initial_state(2)
    for frame in random_frames(30, 1, 2, 10, 9):
        x = torch.from_numpy(frame).float()
        one = network.step(single, x, learning=True)
        two = network.step(batch, x.repeat(2, 1, 1, 1), learning=True)
        for a, b in zip(one, two, strict=True):
            torch.testing.assert_close(a.u, b.u[:1], atol=1e-5, rtol=0)


def test_tau_pairs_limits_the_distinct_time_constants(tiny: NetworkSettings) -> None:
    """With two pairs, channels share them in turn; without, every channel has its own."""
    own = Network(tiny).layers[1].tau_m_ms
    paired = Network(replace(tiny, tau_pairs=2)).layers[1].tau_m_ms
    assert len(set(own.tolist())) == 3
    assert paired[0] == paired[2] != paired[1]
