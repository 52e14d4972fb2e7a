"""Gradients of several steps add up to one update; Adamax is torch's."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from models.errors import ModelError
from models.learner import Learner
from models.learning_rule import local_gradient
from models.learning_settings import ADAMAX_EPSILON, LearningSettings
from models.network import Network
from models.settings import NetworkSettings

PLAIN = LearningSettings(rate=1e-3, dropout=0.0, regularisation=0.0)


def run(network: Network, learner: Learner, frames, targets) -> list[bool]:
    """Step a single stream through frames, learning at each; says where weights changed."""
    states = network.initial_state(1)
    one_hot = torch.eye(4)
    updated = []
    for frame, target in zip(frames, targets, strict=True):
        steps = network.step(states, torch.from_numpy(frame)[None].float(), learning=True)
        traces = [state.p_padded for state in states]
        updated.append(learner.learn(traces, steps, one_hot[target : target + 1]))
    return updated


def test_updates_come_after_the_chosen_number_of_steps(tiny: NetworkSettings, random_frames):
    """With an update every 7 steps, 20 steps make two updates, after the 7th and the 14th."""
    network = Network(tiny)
    learner = Learner(network, replace(PLAIN, update_every_steps=7))
    updated = run(network, learner, random_frames(20, 2, 10, 9), [1] * 20)
    assert [number for number, done in enumerate(updated, 1) if done] == [7, 14]
    assert learner.updates == 2


def test_gradients_between_updates_add_up(tiny: NetworkSettings, random_frames):
    """An update after 20 steps uses the sum of the 20 steps' gradients: none is left out."""
    frames, targets = random_frames(20, 2, 10, 9), [0, 1, 2, 3] * 5
    network = Network(tiny)
    network_before = {name: value.clone() for name, value in network.tensors().items()}
    run(network, Learner(network, replace(PLAIN, update_every_steps=20)), frames, targets)

    other = Network(tiny)
    states = other.initial_state(1)
    sums = [torch.zeros_like(layer.weight) for layer in other.layers]
    for frame, target in zip(frames, targets, strict=True):
        steps = other.step(states, torch.from_numpy(frame)[None].float(), learning=True)
        for number, (layer, state, step) in enumerate(
            zip(other.layers, states, steps, strict=True)
        ):
            sums[number] += local_gradient(
                layer,
                state.p_padded,
                step,
                torch.eye(4)[target : target + 1],
                regularisation=0,
                dropout_mask=None,
            ).weight
    for number, (layer, gradient) in enumerate(zip(network.layers, sums, strict=True)):
        # The first Adamax step is rate * g / (|g| + eps).
        expected = -PLAIN.rate * gradient / (gradient.abs() + ADAMAX_EPSILON)
        change = layer.weight - network_before[f"layers.{number}.weight"]
        clear = gradient.abs() > gradient.abs().max() * 1e-4  # the sign of a tiny sum is rounding
        torch.testing.assert_close(change[clear], expected[clear], atol=2e-6, rtol=0)


def test_dropout_is_where_the_settings_place_it(tiny: NetworkSettings, random_frames):
    """On the readings, one number is drawn for each of them, layer after layer."""
    settings = replace(
        PLAIN, rate=1.0, optimiser="SGD", dropout=0.5, dropout_place="output", seed=4
    )
    network, still = Network(tiny), Network(tiny)
    frames = random_frames(1, 2, 10, 9)
    run(network, Learner(network, settings), frames, [2])
    states = still.initial_state(1)
    steps = still.step(states, torch.from_numpy(frames[0])[None].float(), learning=True)
    generator = torch.Generator().manual_seed(settings.seed)
    for learnt, layer, state, step in zip(network.layers, still.layers, states, steps, strict=True):
        gradient = local_gradient(
            layer,
            state.p_padded,
            step,
            torch.eye(4)[2:3],
            regularisation=0,
            dropout_mask=None,
            readings_mask=(torch.rand((1, 4), generator=generator) < 0.5).float() / 0.5,
        )
        torch.testing.assert_close(layer.weight - learnt.weight, gradient.weight)


def test_learning_lowers_the_loss(tiny: NetworkSettings, random_frames):
    """Two kinds of input are told apart by every layer after a while of learning."""
    network = Network(tiny)
    learner = Learner(network, LearningSettings(rate=5e-3, dropout=0.0))
    frames = random_frames(2, 2, 10, 9, share=0.3)
    states = network.initial_state(2)
    x, one_hot = torch.from_numpy(frames).float(), torch.eye(4)[:2]
    losses = []
    for _ in range(300):
        steps = network.step(states, x, learning=True)
        learner.learn([state.p_padded for state in states], steps, one_hot)
        losses.append(list(learner.losses))
    for layer in range(3):
        assert losses[-1][layer] < 0.6 * losses[20][layer]
    assert network.votes(steps).tolist() == [[0, 1]] * 3


def test_same_seed_same_weights(tiny: NetworkSettings, random_frames):
    """Dropout included, learning twice from the same seed gives the same weights bit for bit."""
    weights = []
    for _ in range(2):
        network = Network(tiny)
        settings = LearningSettings(rate=1e-3, seed=5, update_every_steps=3)
        run(network, Learner(network, settings), random_frames(40, 2, 10, 9), [2] * 40)
        weights.append(network.tensors())
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_exploding_weights_are_an_error(tiny: NetworkSettings, random_frames):
    """A weight that is no longer finite is reported instead of being learnt on."""
    network = Network(tiny)
    network.layers[1].weight[0, 0, 0, 0] = float("inf")
    with pytest.raises(ModelError, match="weights that are not finite"):
        run(network, Learner(network, PLAIN), random_frames(3, 2, 10, 9), [1] * 3)
