"""Activations, readouts, surrogates, losses and optimisers besides the paper's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from models.checkpoint import load_checkpoint, save_checkpoint
from models.engines import load_engine, read_sequences, trainer_for
from models.errors import ModelError
from models.learning_rule import local_gradient
from models.learning_settings import LearningSettings
from models.losses import make_loss
from models.network import Network
from models.optimisers import make_optimiser
from models.presets import preset
from models.settings import LayerSettings, NetworkSettings
from models.torch_engine import TorchEngine
from models.trainer import Trainer
from models.trainer import count_votes as count_votes_densely
from tests.models.events_networks import checkpoint_of

NAMES = ("a", "b", "c", "d")


def varied(tiny: NetworkSettings, activation: str, readout: str = "activity") -> NetworkSettings:
    """The tiny network with one activation in all its layers."""
    layers = tuple(replace(layer, activation=activation) for layer in tiny.layers)
    return replace(tiny, layers=layers, readout_input=readout)


def read_out(u: torch.Tensor, activation: str, readout: str, surrogate: str) -> torch.Tensor:
    """What autograd is to see as A of a membrane potential: its value, and its slope."""
    if activation == "relu":
        return torch.relu(u)
    if activation == "sigmoid":
        return torch.sigmoid(u)
    value = (u > 0).to(u.dtype) if readout == "spikes" else torch.sigmoid(u)
    slope = torch.sigmoid(u) if surrogate == "sigmoid" else u.clamp(-0.5, 0.5)
    return value.detach() + slope - slope.detach()


@pytest.mark.parametrize(
    ("activation", "readout", "surrogate"),
    [
        ("relu", "activity", "sigmoid"),
        ("sigmoid", "activity", "sigmoid"),
        ("spiking", "activity", "boxcar"),
        ("spiking", "spikes", "sigmoid"),
        ("spiking", "spikes", "boxcar"),
    ],
)
@pytest.mark.parametrize("loss", ["SmoothL1Loss", "CrossEntropyLoss"])
def test_gradient_is_what_autograd_gives(
    tiny, random_frames, activation: str, readout: str, surrogate: str, loss: str
) -> None:
    """Of the same step written for autograd, with P, R and the input held fixed."""
    network = Network(varied(tiny, activation, readout))
    network.load_tensors(network.tensors(), dtype=torch.float64)
    states = network.initial_state(3)
    for frame in random_frames(15, 3, 2, 10, 9):
        steps = network.step(states, torch.from_numpy(frame).double(), learning=True)
    one_hot = torch.eye(4, dtype=torch.float64)[:3]
    for layer, state, step in zip(network.layers, states, steps, strict=True):
        got = local_gradient(
            layer,
            state.p_padded,
            step,
            one_hot,
            regularisation=1e-3,
            dropout_mask=None,
            loss=make_loss(LearningSettings(loss=loss), 4),
            surrogate=surrogate,  # type: ignore[arg-type]
            readout_step="centred",
        )
        conv = functional.conv2d(state.p_padded, layer.weight, layer.bias)
        weight, bias = (p.clone().requires_grad_() for p in (layer.weight, layer.bias))
        u = functional.conv2d(state.p_padded, weight, bias) + (step.u - conv)
        a = read_out(functional.max_pool2d(u, layer.settings.pool), activation, readout, surrogate)
        readout_weights, offset = (
            p.clone().requires_grad_() for p in (layer.readout, layer.readout_offset)
        )
        y = a.flatten(1) @ readout_weights.t() + offset
        wanted = getattr(torch.nn, loss)()(y, one_hot)
        quiet = torch.relu(0.1 - a.mean())
        (wanted + 1e-3 * (20 * torch.relu(u + 0.01).mean() + 0.1 * quiet)).backward()
        assert weight.grad.abs().max() > 0
        torch.testing.assert_close(got.weight, weight.grad, rtol=1e-9, atol=1e-14)
        torch.testing.assert_close(got.bias, bias.grad, rtol=1e-9, atol=1e-14)
        torch.testing.assert_close(got.readout, readout_weights.grad, rtol=1e-9, atol=1e-14)
        torch.testing.assert_close(got.readout_offset, offset.grad, rtol=1e-9, atol=1e-14)
        torch.testing.assert_close(got.loss, wanted.detach())


@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
def test_what_does_not_spike_is_never_refractory(tiny, random_frames, activation: str) -> None:
    """The layer above gets the activation of the pooled potential, and R stays 0."""
    network = Network(varied(tiny, activation))
    states = network.initial_state(2)
    for frame in random_frames(12, 2, 2, 10, 9):
        steps = network.step(states, torch.from_numpy(frame).float(), learning=True)
    for layer, state, step in zip(network.layers, states, steps, strict=True):
        conv = functional.conv2d(state.p_padded, layer.weight, layer.bias)
        u = functional.max_pool2d(conv, layer.settings.pool)
        torch.testing.assert_close(step.spikes, getattr(torch, activation)(u))
        assert not state.r.any()


@pytest.mark.parametrize("activation", ["spiking", "relu"])
def test_fully_connected_layers_learn(activation: str) -> None:
    """A kernel over the whole map, then kernels of 1 on maps of 1: the loss of all layers falls."""
    layers = (
        LayerSettings(24, pool=1, kernel=8, padding=0, activation=activation),
        LayerSettings(16, pool=1, kernel=1, padding=0, activation=activation),
    )
    settings = NetworkSettings(layers=layers, height=8, width=8, classes=4, gain=5.0)
    assert [shape.membrane for shape in settings.shapes()] == [(24, 1, 1), (16, 1, 1)]
    network = Network(settings)
    learning = LearningSettings(rate=3e-3, dropout=0.0)
    trainer = Trainer(network, learning, batch=4, burn_in_ms=20)
    random = np.random.default_rng(0)
    frames = np.zeros((80, 4, 2, 8, 8), np.uint8)
    for stream in range(4):
        rows = slice(2 * stream, 2 * stream + 2)
        frames[:, stream, :, rows] = random.random((80, 2, 2, 8)) < 0.4
    results = [trainer.run(frames, np.arange(4)) for _ in range(5)]
    assert all(a < b for a, b in zip(results[-1].loss, results[0].loss, strict=True))
    assert results[-1].accuracy[0] >= 0.75
    votes = read_sequences(network, frames, burn_in_ms=20).votes
    assert np.abs(votes - count_votes_densely(network, frames, burn_in_ms=20)).sum() <= 4


@pytest.mark.parametrize(
    ("loss", "options"),
    [("MSELoss", {}), ("HuberLoss", {"delta": 0.5}), ("BCEWithLogitsLoss", {}), ("L1Loss", {})],
)
@pytest.mark.parametrize("optimiser", ["Adam", "SGD", "RMSprop"])
def test_any_loss_and_optimiser_of_torch_teach(
    tiny, random_frames, loss: str, options: dict[str, float], optimiser: str
) -> None:
    """By its name, every layer's loss is smaller after some minibatches of the same."""
    rate = {"Adam": 1e-2, "SGD": 1.0, "RMSprop": 3e-3}[optimiser]
    learning = LearningSettings(
        rate=rate, dropout=0.0, loss=loss, loss_options=options, optimiser=optimiser
    )
    trainer = Trainer(Network(tiny), learning, batch=3, burn_in_ms=10, learn_every_ms=2)
    frames = random_frames(40, 3, 2, 10, 9)
    losses = [trainer.run(frames, np.array([0, 1, 2])).loss for _ in range(4)]
    assert all(after < before for after, before in zip(losses[-1], losses[0], strict=True))


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("Perceptron", {}, "no loss of that name"),
        ("Linear", {}, "no loss of that name"),
        ("MSELoss", {"delta": 3}, "delta"),
        ("MSELoss", {"reduction": "none"}, "scalar"),
        ("NLLLoss", {}, "got 'NLLLoss'"),
        ("HingeEmbeddingLoss", {}, "does not fall"),
        ("CosineEmbeddingLoss", {}, "got 'CosineEmbeddingLoss'"),
        ("BCELoss", {}, "between 0 and 1"),
        ("PoissonNLLLoss", {"log_input": False}, "not finite for all readings"),
    ],
)
def test_losses_that_cannot_teach_a_class_are_refused(name, options, said: str) -> None:
    """Unknown, with unknown options, no number, or for other targets."""
    with pytest.raises(ModelError, match=said):
        make_loss(LearningSettings(loss=name, loss_options=options), 4)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("Newton", {}, "no optimiser of that name"),
        ("Optimizer", {}, "allowed: a class of"),
        ("LBFGS", {}, "looks at the loss again"),
        ("SparseAdam", {}, "sparse gradients"),
        ("SGD", {"speed": 3}, "speed"),
        ("Adam", {"betas": [2.0, 0.9]}, "beta"),
        ("Adam", {"betas": [0.9]}, "index"),
        ("Adam", {"betas": 0.9}, "got 'Adam'"),
        ("Adam", {"capturable": True}, "capturable"),
    ],
)
def test_optimisers_that_cannot_be_used_are_refused(name, options, said: str) -> None:
    """Unknown, with options that it does not take, or of another kind."""
    learning = LearningSettings(optimiser=name, optimiser_options=options)
    with pytest.raises(ModelError, match=said):
        make_optimiser(learning, [torch.zeros(3)])


def test_trying_an_optimiser_changes_nothing() -> None:
    """It is tried on tensors of its own, and the one that is given has learnt nothing."""
    weight = torch.ones(3)
    optimiser = make_optimiser(LearningSettings(optimiser="Adam"), [weight], [torch.ones(2)])
    assert weight.tolist() == [1.0, 1.0, 1.0]
    assert not optimiser.state_dict()["state"]


def test_variants_are_kept_in_checkpoints(tiny, tmp_path: Path) -> None:
    """And read back; a network of the usual kind is written as it always was."""
    settings = varied(tiny, "spiking", "spikes")
    settings = replace(
        settings,
        layers=(replace(settings.layers[0], activation="relu"),),
        input_frames="counts",
    )
    path = tmp_path / "varied"
    save_checkpoint(path, Network(settings), NAMES, parent=None, record={})
    assert load_checkpoint(path).network.settings == settings
    usual = tiny.to_dict()
    assert {"readout_input", "input_frames"}.isdisjoint(usual)
    assert set(usual["layers"][0]) == {"channels", "pool", "kernel", "padding"}


@pytest.mark.parametrize(
    ("network", "learning", "said"),
    [
        (("relu", "binary"), LearningSettings(), "activation = relu"),
        (("spiking", "counts"), LearningSettings(), "input_frames = counts"),
        (("spiking", "binary"), LearningSettings(error_rate=0.1), "error_rate = 0.1"),
        (
            ("spiking", "binary"),
            LearningSettings(dropout_place="output"),
            "dropout_place = output",
        ),
    ],
)
def test_fast_engines_refuse_what_they_cannot_do(
    tiny, tmp_path: Path, network: tuple[str, str], learning: LearningSettings, said: str
) -> None:
    """They name every such setting; `auto` takes the plain engine and trainer."""
    activation, input_frames = network
    settings = replace(varied(tiny, activation), input_frames=input_frames)
    path = tmp_path / "varied"
    save_checkpoint(path, Network(settings), NAMES, parent=None, record={})
    assert type(load_engine(path, device="cpu", learning=learning)) is TorchEngine
    with pytest.raises(ModelError, match=rf"got 'events' with .*{said}; allowed: torch"):
        load_engine(path, engine="events", learning=learning)
    options = {"batch": 2, "learn_every_ms": 1}
    assert type(trainer_for(Network(settings), learning, **options)) is Trainer
    with pytest.raises(ModelError, match=rf"got 'events' with .*{said}; allowed: auto"):
        trainer_for(Network(settings), learning, engine="events", **options)


@pytest.mark.parametrize("counts", [False, True])
def test_votes_of_variants_are_counted_densely(tiny, random_frames, counts: bool) -> None:
    """On a CPU too, where other networks are counted where spikes are."""
    frames = random_frames(80, 2, 2, 10, 9)
    if counts:
        network = Network(replace(tiny, input_frames="counts"))
        frames *= np.random.default_rng(1).integers(1, 5, frames.shape, np.uint8)
    else:
        network = Network(varied(tiny, "sigmoid"))
    expected = count_votes_densely(network, frames, burn_in_ms=20)
    assert np.array_equal(read_sequences(network, frames, burn_in_ms=20).votes, expected)


def test_numbers_of_events_count_for_as_many(tiny, random_frames) -> None:
    """The plain engine's traces take in each cell as often as it had an event."""
    settings = replace(tiny, input_frames="counts")
    frame = 3 * random_frames(2, 10, 9)
    engine, network = TorchEngine(checkpoint_of(settings), None), Network(settings)
    engine.step(frame, None)
    states = network.initial_state(1)
    network.step(states, 3.0 * torch.from_numpy(frame // 3)[None].float(), learning=False)
    assert torch.equal(engine._streams[0][0].q, states[0].q)


def test_the_preset_decolle_reads_spikes() -> None:
    """One pair of time constants, spikes before the readout, a boxcar for a slope."""
    chosen = preset("decolle")
    assert chosen.network.readout_input == "spikes"
    assert chosen.learning.surrogate == "boxcar"
    assert chosen.network.shapes() == preset("paper").network.shapes()
