"""Eq. 5 against autograd and against a loop written straight from the equation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.learning_rule import local_gradient
from models.network import Network
from models.settings import NetworkSettings

REGULARISATION = 1e-3


@pytest.fixture
def run_in(tiny: NetworkSettings, random_frames):
    """A function that gives a network, its states and its last step after some input."""

    def run(batch: int, dtype: torch.dtype):
        network = Network(tiny)
        network.load_tensors(network.tensors(), dtype=dtype)
        states = network.initial_state(batch)
        for frame in random_frames(15, batch, 2, 10, 9):
            steps = network.step(states, torch.from_numpy(frame).to(dtype), learning=True)
        one_hot = torch.eye(4, dtype=dtype)[torch.arange(batch) % 4]
        return network, states, steps, one_hot

    return run


def autograd_gradient(layer, state, refractory, one_hot, mask=1.0, readings_mask=1.0):
    """The same step's loss written for autograd, with P, R and the input held fixed."""
    weight = layer.weight.clone().requires_grad_()
    bias = layer.bias.clone().requires_grad_()
    u = torch.nn.functional.conv2d(state.p_padded, weight, bias) + refractory
    a = torch.sigmoid(u)
    pooled = torch.nn.functional.max_pool2d(a, layer.settings.pool)
    readout_input = pooled.flatten(1) * mask
    y = (readout_input @ layer.readout.t() + layer.readout_offset) * readings_mask
    loss = torch.nn.functional.smooth_l1_loss(y, one_hot)
    quiet = torch.relu(0.1 - pooled.mean())
    whole = loss + REGULARISATION * (20 * torch.relu(u + 0.01).mean() + 0.1 * quiet)
    whole.backward()
    return weight.grad, bias.grad, loss.detach()


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("place", ["input", "output"])
def test_gradient_is_what_autograd_gives(run_in, batch: int, place: str) -> None:
    """Regularisers, dropout and pooling included, in double precision to rounding error.

    A reading that dropout leaves out counts as 0 in the loss, and hands no error down.
    """
    network, states, steps, one_hot = run_in(batch, torch.float64)
    generator = torch.Generator().manual_seed(1)
    for layer, state, step in zip(network.layers, states, steps, strict=True):
        size = (batch, layer.shape.readout_inputs) if place == "input" else one_hot.shape
        mask = (torch.rand(size, generator=generator) < 0.5).double() * 2
        got = local_gradient(
            layer,
            state.p_padded,
            step,
            one_hot,
            regularisation=REGULARISATION,
            dropout_mask=mask if place == "input" else None,
            readings_mask=mask if place == "output" else None,
        )
        conv = torch.nn.functional.conv2d(state.p_padded, layer.weight, layer.bias)
        masks = {"mask" if place == "input" else "readings_mask": mask}
        weight, bias, loss = autograd_gradient(layer, state, step.u - conv, one_hot, **masks)
        torch.testing.assert_close(got.weight, weight, rtol=1e-9, atol=1e-14)
        torch.testing.assert_close(got.bias, bias, rtol=1e-9, atol=1e-14)
        torch.testing.assert_close(got.loss, loss)


def test_gradient_in_single_precision_differs_from_autograd_by_rounding(run_in) -> None:
    """The relative difference of the whole gradient is below 1e-5."""
    network, states, steps, one_hot = run_in(3, torch.float32)
    for layer, state, step in zip(network.layers, states, steps, strict=True):
        got = local_gradient(
            layer, state.p_padded, step, one_hot, regularisation=REGULARISATION, dropout_mask=None
        )
        conv = torch.nn.functional.conv2d(state.p_padded, layer.weight, layer.bias)
        weight, _, _ = autograd_gradient(layer, state, step.u - conv, one_hot)
        assert float((got.weight - weight).norm() / weight.norm()) < 1e-5


def test_gradient_is_eq_5_written_as_a_loop(run_in) -> None:
    """DW = sum over positions of sigma'(u) (eps * s) sum_k g_k e_k, without regularisers."""
    network, states, steps, one_hot = run_in(1, torch.float64)
    layer, state, step = network.layers[1], states[1], steps[1]  # the layer without pooling
    a = step.activity[0].numpy()
    y = layer.readout.numpy() @ a.reshape(-1) + layer.readout_offset.numpy()
    e = np.clip(y - one_hot[0].numpy(), -1, 1) / y.size
    g = layer.readout.numpy().reshape(-1, *a.shape)
    p = state.p[0].numpy()
    expected = np.zeros(tuple(layer.weight.shape))
    for o, i, j in np.ndindex(*a.shape):
        error = sum(g[k, o, i, j] * e[k] for k in range(y.size))
        for c, m, n in np.ndindex(*expected.shape[1:]):
            expected[o, c, m, n] += a[o, i, j] * (1 - a[o, i, j]) * p[c, i + m, j + n] * error
    got = local_gradient(layer, state.p_padded, step, one_hot, regularisation=0, dropout_mask=None)
    np.testing.assert_allclose(got.weight.numpy(), expected, rtol=1e-9, atol=1e-15)


def test_nothing_crosses_a_layer(run_in) -> None:
    """Changing the top layer's readout leaves the gradients of the layers below as they are."""
    network, states, steps, one_hot = run_in(2, torch.float32)

    def gradients():
        return [
            local_gradient(
                layer, state.p_padded, step, one_hot, regularisation=0, dropout_mask=None
            ).weight
            for layer, state, step in zip(network.layers, states, steps, strict=True)
        ]

    before = gradients()
    network.layers[2].readout.mul_(-3.0)
    after = gradients()
    assert torch.equal(before[0], after[0])
    assert torch.equal(before[1], after[1])
    assert not torch.equal(before[2], after[2])
