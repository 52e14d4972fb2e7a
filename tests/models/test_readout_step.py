"""Readouts that are trained: from what differs from the mean, and from their own error alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.errors import ModelError
from models.known_directions import leading_directions
from models.learner import Learner
from models.learning_settings import LearningSettings, ReadoutStep
from models.network import Network
from models.plain_only import plain_only
from models.presets import preset
from models.readout_step import (
    CentredReadout,
    NormalisedReadout,
    normalised_gradient,
    resting_activity,
)


def test_a_step_leaves_what_the_mean_is_read_as() -> None:
    """But for the offset's own step; the gradient is that of the centred activity."""
    generator = torch.Generator().manual_seed(0)
    readout, offset = torch.rand((3, 7), generator=generator), torch.zeros(3)
    activity, error = torch.rand((20, 7), generator=generator), torch.randn(20, 3)
    centred = CentredReadout(readout, offset, decay=1.0)
    centred.see(activity.mean(0))
    readout.grad, offset.grad = error.t() @ activity, error.sum(0)
    mean = activity.mean(0)
    before = readout @ mean + offset
    centred.begin_update(1, rate=0.1)
    torch.testing.assert_close(readout.grad, error.t() @ (activity - mean))
    readout -= 0.1 * readout.grad
    centred.end_update()
    torch.testing.assert_close(readout @ mean + offset, before)


@pytest.mark.parametrize("directions", [0, 3])
@pytest.mark.parametrize("chosen", [[0], [0, 1, 2]])
def test_a_normalised_step_takes_off_that_share_of_an_error(
    tiny, chosen: list[int], directions: int
) -> None:
    """Of one step's readings; of several steps together, no more. Rest is read as before."""
    layer = Network(replace(tiny, known_directions=directions)).layers[0]
    drawn = torch.rand((9, len(layer.readout[0])), generator=torch.Generator().manual_seed(5))
    layer.known.copy_(leading_directions(drawn, directions))
    generator = torch.Generator().manual_seed(0)
    read = torch.rand((3, len(layer.readout[0])), generator=generator)[chosen]
    error = torch.randn((3, 4), generator=generator)[chosen]
    rest = resting_activity(layer)

    def readings(activity: torch.Tensor) -> torch.Tensor:
        return activity @ layer.readout.t() + layer.readout_offset

    before, at_rest = readings(read), readings(rest)
    layer.readout.grad = normalised_gradient(error, read, layer)
    NormalisedReadout(layer).begin_update(len(chosen), rate=0.25)
    if len(chosen) == 1:
        torch.testing.assert_close(readings(read), before - 0.25 * error)
    else:
        assert (readings(read) - before).norm() < 0.25 * error.norm()
    torch.testing.assert_close(readings(rest), at_rest, atol=1e-5, rtol=1e-5)


def test_what_is_at_rest_teaches_nothing(tiny) -> None:
    """There is no direction to learn in, and nothing becomes infinite."""
    layer = Network(tiny).layers[0]
    rest = resting_activity(layer)
    gradient = normalised_gradient(torch.ones((1, 4)), rest[None], layer)
    assert torch.equal(gradient, torch.zeros_like(layer.readout))


def test_a_layer_that_nothing_comes_into_is_at_rest(tiny) -> None:
    """A0 is what a silent network reads, as long as its biases let no neuron fire."""
    network = Network(tiny)
    for layer in network.layers:
        layer.bias.copy_(-torch.rand(len(layer.bias)))
    states, silence = network.initial_state(1), torch.zeros((1, *network.layers[0].shape.inputs))
    for _ in range(5):
        steps = network.step(states, silence, learning=True)
    for layer, step in zip(network.layers, steps, strict=True):
        torch.testing.assert_close(step.activity.flatten(), resting_activity(layer))


@pytest.mark.parametrize("step", ["centred", "normalised"])
@pytest.mark.parametrize("rate", [0.0, 1e-2])
def test_only_what_is_trained_changes(tiny, random_frames, rate: float, step: ReadoutStep) -> None:
    """Without a rate readouts stay as they are, bit for bit; with one, time constants alone do."""
    network = Network(tiny)
    before = {name: tensor.clone() for name, tensor in network.tensors().items()}
    learner = Learner(network, LearningSettings(rate=1e-2, readout_rate=rate, readout_step=step))
    states, one_hot = network.initial_state(2), torch.eye(4)[:2]
    for frame in random_frames(12, 2, 2, 10, 9):
        steps = network.step(states, torch.from_numpy(frame).float(), learning=True)
        learner.learn([state.p_padded for state in states], steps, one_hot)
    for name, tensor in network.tensors().items():
        rests = "tau" in name or ("readout" in name and not rate)
        assert torch.equal(before[name], tensor) == rests, name


@pytest.mark.parametrize("step", ["centred", "normalised"])
def test_reading_gets_right_what_random_readouts_do_not(tiny, two_kinds, step: ReadoutStep) -> None:
    """Weights at rest, readouts learning: the loss of every layer falls to near nothing."""
    network = Network(tiny)
    learning = LearningSettings(
        rate=0.0, readout_rate=1e-1 if step == "centred" else 0.5, readout_step=step,
        loss="CrossEntropyLoss", dropout=0.0, update_every_steps=2,
    )  # fmt: skip
    learner = Learner(network, learning)
    frames, labels = two_kinds(4, 200)
    states, one_hot = network.initial_state(4), torch.eye(4)[torch.from_numpy(labels)]
    losses = []
    for frame in frames:
        steps = network.step(states, torch.from_numpy(frame).float(), learning=True)
        learner.learn([state.p_padded for state in states], steps, one_hot)
        losses.append(learner.losses.copy())
    assert (np.mean(losses[-20:], axis=0) < 0.3 * np.mean(losses[:4], axis=0)).all()


@pytest.mark.parametrize(("name", "value"), [("over_time", "product"), ("other_class", 3)])
def test_the_graph_engine_refuses_another_reading_over_time(name: str, value: object) -> None:
    """It gives no shares; named is what is beyond it, and nothing else."""
    network = replace(preset("small").network, **{name: value})  # type: ignore[arg-type]
    assert plain_only(network, None, engine="graph") == [f"{name} = {value}"]
    assert plain_only(network, None) == []


def test_the_graph_engine_refuses_what_events_can_do() -> None:
    """Trained readouts, averages, cross-entropy and other readings, each by its name."""
    small = preset("small")
    chosen = replace(
        small,
        network=replace(small.network, reading="softmax", reading_layers=(0, 1, 2)),
        learning=LearningSettings(readout_rate=1e-3, loss="CrossEntropyLoss", average_decay=0.99),
    )
    assert plain_only(chosen.network, chosen.learning) == []
    refused = " ".join(plain_only(chosen.network, chosen.learning, engine="graph"))
    for name in ("readout_rate", "average_decay", "loss", "reading", "reading_layers"):
        assert f"{name} = " in refused
    other = replace(chosen.learning, loss="MSELoss")
    assert plain_only(chosen.network, other) == ["loss = MSELoss"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"readout_rate": -1.0}, "readout rate: got -1.0; allowed: 0 to 10"),
        ({"readout_decay": float("nan")}, "readout decay: got nan"),
        ({"readout_step": "large"}, "readout step: got 'large'; allowed: centred, normalised"),
        ({"average_decay": 1.0}, "average decay: got 1.0; allowed: 0 <= decay < 1"),
    ],
)
def test_bad_values_are_refused(changes: dict[str, float], words: str) -> None:
    """What, got, allowed."""
    with pytest.raises(ModelError, match=words):
        LearningSettings(**changes)  # type: ignore[arg-type]
