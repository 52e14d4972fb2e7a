"""The step over static buffers, run without a graph, against the plain network and learner."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from models.graph_network import GraphNetwork
from models.graph_settings import GraphSettings
from models.learner import Learner
from models.learning_settings import LearningSettings
from models.network import Network
from models.presets import preset
from models.settings import NetworkSettings

PLAIN = LearningSettings(rate=1e-3, dropout=0.0, regularisation=0.0)
KINDS = [("patches", 1), ("planes", 1), ("planes", 3), ("channels_last", 1), ("channels_last", 3)]


def network_of(settings: NetworkSettings, dtype: torch.dtype) -> Network:
    """A network in the precision asked for."""
    network = Network(settings)
    network.load_tensors(network.tensors(), dtype=dtype)
    return network


class Run:
    """A graph network with room for its results, eagerly run."""

    def __init__(self, network, learning, *, batch, convolution, slots=1) -> None:
        self.graph = GraphNetwork(
            network,
            learning,
            batch=batch,
            slots=slots,
            settings=GraphSettings(convolution=convolution),
        )
        layers = len(network.layers)
        self.votes = torch.zeros((slots, layers, batch), dtype=torch.int64)
        self.spikes = torch.zeros((slots, layers, batch), dtype=network.layers[0].weight.dtype)

    def __call__(self, kinds, frames, targets) -> None:
        """A stretch of steps."""
        self.graph.run(kinds, frames, targets, self.votes, self.spikes)


def reference(network, learning, frames, targets, kinds):
    """Votes, spikes per step, and the loss of the last one, by `Network` and `Learner`."""
    dtype = network.layers[0].weight.dtype
    learner = None if learning is None else Learner(network, learning)
    states = network.initial_state(frames.shape[1])
    one_hot = torch.nn.functional.one_hot(targets, network.settings.classes).to(dtype)
    votes, spikes = [], []
    for frame, kind in zip(frames, kinds, strict=True):
        steps = network.step(states, frame.to(dtype), learning=kind != "infer")
        votes.append(network.votes(steps).clone())
        spikes.append(torch.stack([step.spikes.flatten(1).sum(1) for step in steps]))
        if learner is not None and kind != "infer":
            learner.learn([state.p_padded for state in states], steps, one_hot)
    return torch.stack(votes), torch.stack(spikes)


def kinds_for(steps: int, every: int) -> list[str]:
    """Ten steps of inference, then learning with an update every so many steps."""
    return [
        "infer" if t < 10 else ("update" if (t - 9) % every == 0 else "gather")
        for t in range(steps)
    ]


@pytest.mark.parametrize(("convolution", "batch"), KINDS)
@pytest.mark.parametrize(("every", "regularisation"), [(1, 0.0), (1, 1e-3), (4, 0.0)])
@torch.no_grad()
def test_double_precision_agrees_at_every_step(
    tiny, random_frames, convolution, batch, every, regularisation
) -> None:
    """Votes, spike counts and, after learning, all weights are those of the plain learner.

    With a regulariser, for an update at every step: over several the plain learner joins them.
    """
    settings = replace(tiny, input_copies=2)
    learning = replace(PLAIN, update_every_steps=every, regularisation=regularisation)
    frames = torch.from_numpy(random_frames(60, batch, 2, 10, 9))
    targets = torch.arange(batch) % 4
    kinds = kinds_for(60, every)
    plain = network_of(settings, torch.float64)
    votes, spikes = reference(plain, learning, frames, targets, kinds)
    learnt = network_of(settings, torch.float64)
    run = Run(learnt, learning, batch=batch, convolution=convolution)
    for t, kind in enumerate(kinds):
        run((kind,), frames[t : t + 1], targets)
        assert run.votes[0].tolist() == votes[t].tolist()
        assert run.spikes[0].round().tolist() == spikes[t].tolist()
    assert spikes.sum() > 0
    untouched = Network(settings).tensors()
    for name, value in plain.tensors().items():
        torch.testing.assert_close(learnt.tensors()[name], value, atol=1e-9, rtol=1e-9)
        if name.endswith("weight"):
            assert (value - untouched[name]).abs().max() > 1e-3


@pytest.mark.parametrize(("convolution", "batch"), KINDS)
@torch.no_grad()
def test_single_precision_agrees_within_rounding(tiny, random_frames, convolution, batch) -> None:
    """In float32, 99.5 % of the votes agree, and weights within one Adamax step each."""
    frames = torch.from_numpy(random_frames(100, batch, 2, 10, 9))
    targets, kinds = torch.arange(batch), kinds_for(100, 2)
    learning = replace(PLAIN, rate=1e-4, update_every_steps=2)
    plain, learnt = Network(tiny), Network(tiny)
    votes, _ = reference(plain, learning, frames, targets, kinds)
    run = Run(learnt, learning, batch=batch, convolution=convolution)
    same = []
    for t, kind in enumerate(kinds):
        run((kind,), frames[t : t + 1], targets)
        same.append((run.votes[0] == votes[t]).float().mean())
    assert torch.stack(same).mean() >= 0.995
    for name, value in plain.tensors().items():
        difference = (learnt.tensors()[name] - value).abs()
        assert float(difference.mean()) < 1e-6, name
        assert float(difference.max()) < 1e-4, name


@pytest.mark.parametrize("name", ["small", "paper"])
@torch.no_grad()
def test_presets_agree(name: str) -> None:
    """The shipped shapes give the plain network's votes in float64, patches and library alike."""
    settings = preset(name).network
    generator = torch.Generator().manual_seed(1)
    shape = (8, 1, settings.input_channels, settings.height, settings.width)
    frames = (torch.rand(shape, generator=generator) < 0.2).to(torch.uint8)
    targets, kinds = torch.tensor([3]), ["update"] * 8
    plain = network_of(settings, torch.float64)
    votes, spikes = reference(plain, PLAIN, frames, targets, kinds)
    for convolution in ("patches", "channels_last"):
        learnt = network_of(settings, torch.float64)
        run = Run(learnt, PLAIN, batch=1, convolution=convolution)
        for t in range(8):
            run(("update",), frames[t : t + 1], targets)
            assert run.votes[0].tolist() == votes[t].tolist()
            assert run.spikes[0].round().tolist() == spikes[t].tolist()
        for key, value in plain.tensors().items():
            torch.testing.assert_close(learnt.tensors()[key], value, atol=1e-8, rtol=0)


@torch.no_grad()
def test_a_stretch_is_its_steps(tiny, random_frames) -> None:
    """Eight steps in one call leave the votes and weights of eight calls, bit for bit."""
    learning = LearningSettings(rate=1e-3, update_every_steps=2, dropout=0.5, seed=4)
    frames = torch.from_numpy(random_frames(8, 3, 2, 10, 9))
    targets, kinds = torch.tensor([0, 1, 2]), tuple(kinds_for(18, 2)[10:])
    one, many = Network(tiny), Network(tiny)
    run_one = Run(one, learning, batch=3, convolution="planes")
    run_many = Run(many, learning, batch=3, convolution="planes", slots=8)
    run_many(kinds, frames, targets)
    for t, kind in enumerate(kinds):
        run_one((kind,), frames[t : t + 1], targets)
        assert torch.equal(run_one.votes[0], run_many.votes[t])
        assert torch.equal(run_one.graph.errors[0], run_many.graph.errors[t])
    assert all(torch.equal(one.tensors()[name], value) for name, value in many.tensors().items())


@pytest.mark.parametrize(("convolution", "batch"), KINDS)
@torch.no_grad()
def test_no_buffer_moves(tiny, random_frames, convolution, batch) -> None:
    """What outlives a step stays where it is: a captured graph goes on pointing at it."""
    network = Network(tiny)
    run = Run(network, LearningSettings(), batch=batch, convolution=convolution)
    frames = torch.from_numpy(random_frames(20, batch, 2, 10, 9))

    def places() -> list[int]:
        layers = run.graph.layers
        extra = [t for layer in layers for t in (layer.spikes, layer.activity, layer.output)]
        extra += [tensor for layer in layers if (tensor := layer.argmax) is not None]
        extra += [run.graph.errors, run.votes, run.spikes, *network.tensors().values()]
        return [tensor.data_ptr() for tensor in [*run.graph.persistent(), *extra]]

    before = places()
    for t in range(20):
        run((("infer", "gather", "update")[t % 3],), frames[t : t + 1], torch.zeros(batch).long())
    assert places() == before


@torch.no_grad()
def test_dropout_leaves_out_and_makes_up(tiny, random_frames) -> None:
    """Dropout draws anew at every step, the same for the same seed, and changes the gradient."""
    frames = torch.from_numpy(random_frames(30, 1, 2, 10, 9))
    weights = []
    for seed in (1, 1, 2):
        network = Network(tiny)
        learning = LearningSettings(rate=1e-3, seed=seed)
        run = Run(network, learning, batch=1, convolution="patches")
        for t in range(30):
            run(("update",), frames[t : t + 1], torch.tensor([1]))
        weights.append(torch.cat([layer.weight.flatten() for layer in network.layers]))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@torch.no_grad()
def test_dropout_keeps_the_mean_readout(tiny, random_frames) -> None:
    """Over many draws, the learning error's mean is the error without dropout."""
    frame = torch.from_numpy(random_frames(1, 1, 2, 10, 9))
    errors = {}
    for dropout, draws in ((0.0, 1), (0.5, 400)):
        total = torch.zeros(3, 1, 4)
        run = Run(Network(tiny), replace(PLAIN, dropout=dropout), batch=1, convolution="planes")
        for _ in range(draws):
            run.graph.silence()
            run(("gather",), frame, torch.tensor([2]))
            total += run.graph.errors[0] / draws
        errors[dropout] = total
    torch.testing.assert_close(errors[0.5], errors[0.0], atol=0.06, rtol=0)


@torch.no_grad()
def test_silence_forgets_the_state_only(tiny, random_frames) -> None:
    """After `silence` a network votes as at first, with its weights as learnt."""
    frames = torch.from_numpy(random_frames(12, 1, 2, 10, 9))
    network = Network(tiny)
    run = Run(network, None, batch=1, convolution="patches")
    seen = []
    for _ in range(2):
        for t in range(12):
            run(("infer",), frames[t : t + 1], torch.tensor([0]))
            seen.append((run.votes.tolist(), run.spikes.tolist()))
        run.graph.silence()
    assert seen[:12] == seen[12:]
    assert len({str(item) for item in seen}) > 1
