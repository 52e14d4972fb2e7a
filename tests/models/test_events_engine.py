"""The events engine against the plain one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.checkpoint import load_checkpoint
from models.errors import ModelError
from models.events_engine import EventsEngine
from models.learning_rule import local_gradient
from models.learning_settings import LearningSettings, ReadoutStep
from models.settings import LayerSettings, NetworkSettings
from models.torch_engine import TorchEngine
from tests.models.events_networks import (
    PLAIN,
    checkpoint_of,
    frames_of,
    quadrant,
    small,
    weights_of,
)


@pytest.mark.parametrize("tau_pairs", [0, 2])
def test_votes_are_those_of_the_plain_engine(tau_pairs: int, tmp_path: Path) -> None:
    """Single precision, a network taught where a spot is: 99.9 % of 2,000 steps' votes agree.

    Spikes agree to 0.2 % in number: one that falls on the threshold may be rounded either way.
    """
    network = small(tau_pairs)
    teacher = EventsEngine(
        checkpoint_of(network, fire=0.05).stored(),
        LearningSettings(rate=1e-3, update_every_steps=2),
    )
    for t, frame in enumerate(frames_of(network, 1500, 25.0, seed=2)):
        teacher.step(frame, quadrant(t))
    teacher.save(tmp_path / "taught.safetensors", {})
    taught = load_checkpoint(tmp_path / "taught.safetensors")
    plain, fast = TorchEngine(taught, None), EventsEngine(taught.stored(), None)
    equal, votes, spikes = [], [], []
    for frame in frames_of(network, 2000, 25.0):
        a, b = plain.step(frame, None), fast.step(frame, None)
        equal.append(a.votes == b.votes)
        votes.append(a.votes)
        spikes.append((a.spikes, b.spikes))
    wanted, got = np.sum(spikes, axis=0)
    neurons = [layer.shape.readout_inputs for layer in taught.network.layers]
    share = wanted / 2000 / neurons
    changes = np.count_nonzero(np.diff(votes, axis=0), axis=0)
    assert ((share > 0.01) & (share < 0.3)).all(), "the input does not test what it should"
    assert changes.max() > 20, "votes that never change test little"
    assert np.mean(equal) >= 0.999
    assert (np.abs(got - wanted) <= 0.002 * wanted).all()


def compare_in_double_precision(
    network: NetworkSettings,
    learning: LearningSettings,
    frames: npt.NDArray[np.uint8],
    targets: list[int | None],
) -> float:
    """Step both engines in float64; votes and spikes must agree at every step.

    Returns the largest difference of a weight or bias, in units of the learning rate.
    """
    plain = TorchEngine(checkpoint_of(network, dtype=torch.float64), learning)
    fast = EventsEngine(
        checkpoint_of(network, dtype=torch.float64).stored(), learning, dtype=np.float64
    )
    for frame, target in zip(frames, targets, strict=True):
        a, b = plain.step(frame, target), fast.step(frame, target)
        assert a.votes.tolist() == b.votes.tolist()
        assert a.spikes.tolist() == b.spikes.tolist()
        assert a.updated == b.updated
    assert plain.updates == fast.updates
    learnt = weights_of(fast, network, torch.float64).tensors()
    gaps = [
        float((learnt[name] - tensor).abs().max())
        for name, tensor in plain._network.tensors().items()
    ]
    return max(gaps) / learning.rate


@pytest.mark.parametrize("every", [1, 2, 10])
def test_double_precision_agrees_step_by_step(every: int) -> None:
    """Learning with silent stretches between: every vote and spike, and weights to 1e-6 rates."""
    network = small(4)
    learning = replace(PLAIN, update_every_steps=every)
    steps = 300 if every == 10 else 45
    targets = [None if t % 20 in (3, 4, 5, 6) else t // 30 % 11 for t in range(steps)]
    frames = frames_of(network, steps, 40.0)
    assert compare_in_double_precision(network, learning, frames, targets) < 1e-6


@pytest.mark.parametrize(
    ("loss", "step", "directions"),
    [
        ("SmoothL1Loss", "centred", 0),
        ("CrossEntropyLoss", "centred", 0),
        ("CrossEntropyLoss", "normalised", 0),
        ("CrossEntropyLoss", "normalised", 5),
    ],
)
def test_trained_readouts_are_those_of_the_plain_engine(
    loss: str, step: ReadoutStep, directions: int
) -> None:
    """With weights and readouts learning by either loss: votes, spikes and all tensors.

    To 1e-5 rates: centred gradients are differences, some near zero, which Adamax makes large.
    """
    network = replace(small(4), known_directions=directions)
    learning = replace(
        PLAIN, loss=loss, readout_rate=PLAIN.rate / 2, readout_decay=0.3, update_every_steps=2,
        readout_step=step,
    )  # fmt: skip
    targets = [None if t % 20 in (3, 4, 5, 6) else t // 30 % 11 for t in range(45)]
    frames = frames_of(network, 45, 40.0)
    assert compare_in_double_precision(network, learning, frames, targets) < 1e-5
    made = EventsEngine(checkpoint_of(network).stored(), learning)
    before = weights_of(made, network, torch.float32).tensors()
    for frame in frames[:4]:
        made.step(frame, 2)
    after = weights_of(made, network, torch.float32).tensors()
    learnt = [name for name in before if "tau" not in name and "known" not in name]
    assert not any(torch.equal(before[name], after[name]) for name in learnt)


@pytest.mark.parametrize(("every", "update"), [(3, 1), (4, 12)])
def test_a_gradient_in_several_steps_is_that_of_the_plain_engine(every: int, update: int) -> None:
    """One step in `every` is learnt from; targets come and go in between."""
    network = small(2)
    learning = replace(PLAIN, learn_every_steps=every, update_every_steps=update)
    targets = [None if t % 7 in (3, 4) else t // 30 % 11 for t in range(60)]
    frames = frames_of(network, 60, 40.0)
    assert compare_in_double_precision(network, learning, frames, targets) < 1e-6


def test_learning_in_parts_does_no_part_twice_and_leaves_none_out() -> None:
    """However many parts a gradient is worked off in, the weights are the same, bit for bit."""
    network = small(2)
    frames = frames_of(network, 41, 40.0)
    learnt = []
    for every in (1, 2, 40, 200):
        learning = replace(PLAIN, learn_every_steps=every, update_every_steps=every)
        engine = EventsEngine(checkpoint_of(network).stored(), learning)
        for t, frame in enumerate(frames):
            engine.step(frame, 3 if t == 0 else None)
        for _ in range(every):
            engine.step(np.zeros_like(frames[0]), None)
        assert engine.updates == 1
        learnt.append(weights_of(engine, network, torch.float32).tensors())
    for other in learnt[1:]:
        assert all(torch.equal(tensor, other[name]) for name, tensor in learnt[0].items())


@st.composite
def networks(draw: st.DrawFn) -> NetworkSettings:
    """Tiny networks of any shape that has an output."""
    layers = [
        LayerSettings(
            channels=draw(st.integers(1, 5)),
            pool=draw(st.integers(1, 3)),
            kernel=kernel,
            padding=draw(st.integers(0, kernel - 1)),
        )
        for kernel in draw(st.lists(st.integers(1, 9), min_size=1, max_size=2))
    ]
    return NetworkSettings(
        layers=tuple(layers),
        classes=draw(st.integers(2, 9)),
        input_channels=draw(st.integers(1, 3)),
        input_copies=draw(st.integers(1, 3)),
        height=draw(st.integers(12, 20)),
        width=draw(st.integers(12, 20)),
        tau_m_ms=(1.0, 30.0),
        tau_s_ms=(1.0, 30.0),
        tau_pairs=draw(st.integers(0, 3)),
        gain=draw(st.sampled_from([1.0, 20.0])),
        refractory_decay=draw(st.sampled_from([0.0, 0.65])),
        seed=draw(st.integers(0, 99)),
    )


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_any_shape_agrees(data: st.DataObject) -> None:
    """Any channels, pools, kernels, paddings and pairs, learning with one update in 1 to 5."""
    try:
        network = data.draw(networks())
    except ModelError:
        return  # too small for its kernels and pools
    learning = LearningSettings(
        rate=1e-3,
        dropout=0.0,
        update_every_steps=data.draw(st.sampled_from([1, 3, 5])),
        regularisation=data.draw(st.sampled_from([0.0, 1e-3, 0.1])),
    )
    frames = frames_of(network, 30, 60.0)
    targets: list[int | None] = [None if t % 9 == 5 else t % network.classes for t in range(30)]
    assert compare_in_double_precision(network, learning, frames, targets) < 1e-4


def test_single_precision_learns_the_same_weights() -> None:
    """After 300 learning steps 95 % of the weights agree to 5 % of what they could have moved.

    Adamax divides each gradient by its own largest: where that is near zero, rounding decides its
    sign, and a weight may go another way by the rate at each of the 30 updates. A spike rounded
    to the other side of the threshold does the same to all that look at it.
    """
    network = small(4)
    plain = TorchEngine(checkpoint_of(network, fire=0.1), PLAIN)
    fast = EventsEngine(checkpoint_of(network, fire=0.1).stored(), PLAIN)
    for t, frame in enumerate(frames_of(network, 300, 25.0)):
        a, b = plain.step(frame, t // 50 % 11), fast.step(frame, t // 50 % 11)
        assert a.updated == b.updated
    moved = PLAIN.rate * 30
    for mine, layer in zip(
        weights_of(fast, network, torch.float32).layers, plain._network.layers, strict=True
    ):
        gap = (mine.weight - layer.weight).abs() / moved
        assert float((gap < 0.05).float().mean()) > 0.95


def test_reset_forgets_all_but_the_weights() -> None:
    """After a reset the same frames give the same votes and spikes, bit for bit."""
    network = small(2)
    engine = EventsEngine(checkpoint_of(network).stored(), PLAIN)
    frames = frames_of(network, 40, 40.0)
    for frame in frames:
        engine.step(frame, 3)
    runs = []
    for _ in range(2):
        engine.reset()
        assert not any(layer.p.any() or layer.u.any() for layer in engine._layers)
        runs.append([engine.step(frame, None) for frame in frames])
    for a, b in zip(*runs, strict=True):
        assert (a.votes.tolist(), a.spikes.tolist()) == (b.votes.tolist(), b.spikes.tolist())


@pytest.mark.parametrize("learns", [False, True])
def test_layers_nobody_listens_to_give_no_vote_and_change_nothing_else(learns: bool) -> None:
    """Votes of other layers, spikes, and weights learnt, are as with all layers heard."""
    network = small(2)
    learning = replace(PLAIN, update_every_steps=4) if learns else None
    engines = [EventsEngine(checkpoint_of(network).stored(), learning) for _ in range(2)]
    engines[1].listen([-1])
    for t, frame in enumerate(frames_of(network, 60, 40.0)):
        every, top = (engine.step(frame, t // 20) for engine in engines)
        assert top.votes.tolist() == [-1, -1, every.votes[2]]
        assert top.spikes.tolist() == every.spikes.tolist()
    one, other = (weights_of(engine, network, torch.float32).tensors() for engine in engines)
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_replay_is_bit_identical(tmp_path: Path) -> None:
    """The same frames and targets, with dropout, give the same votes and checkpoint version."""
    network = small(4)
    learning = LearningSettings(rate=1e-3, update_every_steps=4, seed=5)
    runs = []
    for number in range(2):
        engine = EventsEngine(checkpoint_of(network).stored(), learning)
        votes = [
            engine.step(frame, None if t % 50 < 10 else t // 50 % 11).votes.tolist()
            for t, frame in enumerate(frames_of(network, 150, 30.0))
        ]
        runs.append((votes, engine.save(tmp_path / f"{number}.safetensors", {})))
    other = EventsEngine(checkpoint_of(network).stored(), replace(learning, seed=6))
    for t, frame in enumerate(frames_of(network, 150, 30.0)):
        other.step(frame, None if t % 50 < 10 else t // 50 % 11)
    assert runs[0] == runs[1]
    assert other.save(tmp_path / "other.safetensors", {}) != runs[0][1], "the seed has no effect"


def test_dropout_has_the_plain_learners_statistics() -> None:
    """Gradients under dropout have the mean and spread of those that torch's numbers give."""
    network = NetworkSettings(layers=(LayerSettings(channels=3, kernel=3),), height=12, width=12)
    frame = frames_of(network, 1, 60.0)[0]
    draws = 600
    engine = EventsEngine(
        checkpoint_of(network).stored(), LearningSettings(dropout=0.5, update_every_steps=draws + 1)
    )
    own = engine._learnt[0]
    mine = np.empty((draws, 3))
    for number in range(draws):
        engine.reset()
        own.bias_gradient[:] = 0
        engine.step(frame, 1)
        mine[number] = own.bias_gradient
    made = checkpoint_of(network).network
    states, one_hot = made.initial_state(1), torch.eye(11)[1:2]
    steps = made.step(states, torch.from_numpy(frame)[None].float(), learning=True)
    generator = torch.Generator().manual_seed(0)
    plain = np.empty((draws, 3))
    for number in range(draws):
        size = made.layers[0].shape.readout_inputs
        mask = (torch.rand((1, size), generator=generator) < 0.5).float() * 2
        gradient = local_gradient(
            made.layers[0],
            states[0].p_padded,
            steps[0],
            one_hot,
            regularisation=engine._learning.regularisation if engine._learning else 0.0,
            dropout_mask=mask,
        )
        plain[number] = gradient.bias.numpy()
    spread = plain.std(0)
    assert (np.abs(mine.mean(0) - plain.mean(0)) < 5 * spread * (2 / draws) ** 0.5).all()
    assert (np.abs(mine.std(0) / spread - 1) < 0.2).all()


def test_a_sample_of_spikes_is_some_of_the_last_step() -> None:
    """All neurons, where so many are asked for, make up the step's number; fewer are some of them.

    Both engines.
    """
    checkpoint = checkpoint_of(small(0), fire=0.05)
    for engine in (EventsEngine(checkpoint.stored(), None), TorchEngine(checkpoint, None)):
        fired = 0
        for frame in frames_of(checkpoint.network.settings, 50, 25.0):
            spikes = engine.step(frame, None).spikes
            whole = engine.sample_spikes(10**6)
            assert [int(layer.sum()) for layer in whole] == spikes.tolist()
            for some, layer in zip(engine.sample_spikes(8), whole, strict=True):
                stride = max(1, len(layer) // 8) | 1
                assert np.array_equal(some, layer[::stride])
                assert len(some) <= 12
            fired += int(spikes.sum())
        assert fired
