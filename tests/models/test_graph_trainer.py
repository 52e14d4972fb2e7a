"""Training in stretches over static buffers, run without graphs, against the plain trainer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.engines import trainer_for
from models.errors import ModelError
from models.graph_capture import capture_cuda, run_directly
from models.graph_settings import GraphSettings
from models.graph_trainer import GraphTrainer
from models.learning_settings import LearningSettings
from models.network import Network
from models.trainer import Trainer

PLAIN = LearningSettings(rate=1e-3, dropout=0.0)


def graph_trainer(network, learning, *, capture=run_directly, **options) -> GraphTrainer:
    """A trainer that runs its stretches directly."""
    return GraphTrainer(network, learning, settings=GraphSettings(), capture=capture, **options)


@pytest.mark.parametrize("learn_every_ms", [1, 3, 14])
def test_a_minibatch_is_that_of_the_plain_trainer(tiny, random_frames, learn_every_ms: int):
    """Two minibatches, the second at half the rate: the same figures and weights, up to rounding.

    Both networks compute in double precision, so that no spike at its threshold differs.
    """
    frames, labels = random_frames(83, 3, 2, 10, 9), np.array([0, 3, 1])
    results, networks = [], []
    for make in (Trainer, graph_trainer):
        network = Network(tiny)
        network.load_tensors(network.tensors(), dtype=torch.float64)
        trainer = make(network, PLAIN, batch=3, burn_in_ms=20, learn_every_ms=learn_every_ms)
        # The plain trainer's targets and counts are single precision; torch converts them.
        results.append([trainer.run(frames, labels, rate_factor=factor) for factor in (1.0, 0.5)])
        networks.append(network)
    for plain, graph in zip(*results, strict=True):
        assert graph.loss == pytest.approx(plain.loss, rel=1e-5)
        assert graph.accuracy == pytest.approx(plain.accuracy)
        assert graph.firing_rate == pytest.approx(plain.firing_rate, rel=1e-5)
        assert all(0 < rate < 1 for rate in graph.firing_rate)
    for name, value in networks[0].tensors().items():
        torch.testing.assert_close(networks[1].tensors()[name], value, atol=1e-6, rtol=0)


def test_updates_go_on_from_one_minibatch_to_the_next(tiny, random_frames):
    """Gathered gradients are kept: 2 x 15 learning steps are three updates of ten."""
    network = Network(tiny)
    trainer = graph_trainer(network, replace(PLAIN, update_every_steps=10), batch=2, burn_in_ms=5)
    changed = []
    for _ in range(2):
        before = network.layers[0].weight.clone()
        trainer.run(random_frames(14, 2, 2, 10, 9), np.array([0, 1]))
        changed.append(not torch.equal(before, network.layers[0].weight))
    assert changed == [False, True]


def test_exploding_weights_are_an_error(tiny, random_frames):
    """A weight that is no longer finite is reported at the end of the minibatch."""
    network = Network(tiny)
    trainer = graph_trainer(network, PLAIN, batch=2, burn_in_ms=5)
    network.layers[2].bias[0] = float("nan")
    with pytest.raises(ModelError, match="weights that are not finite"):
        trainer.run(random_frames(14, 2, 2, 10, 9), np.array([0, 1]))


def test_trainers_are_chosen_by_name(tiny):
    """The plain one unless told; one that needs another device is refused."""
    assert type(trainer_for(Network(tiny), PLAIN, batch=2, learn_every_ms=1)) is Trainer
    with pytest.raises(
        ModelError, match=r"got 'graph' with a network on cpu; allowed: one on cuda"
    ):
        trainer_for(Network(tiny), PLAIN, batch=2, learn_every_ms=1, engine="graph")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_captured_stretches_are_the_stretches(tiny, random_frames):
    """Replayed or run directly on the device: the same figures and weights, bit for bit."""
    frames, labels = random_frames(83, 3, 2, 10, 9), np.array([0, 3, 1])
    results, networks = [], []
    for capture in (capture_cuda, run_directly):
        network = Network(tiny, device="cuda")
        trainer = graph_trainer(network, PLAIN, capture=capture, batch=3, burn_in_ms=20)
        results.append([trainer.run(frames, labels) for _ in range(2)])
        networks.append(network.tensors())
    assert results[0] == results[1]
    assert all(torch.equal(value, networks[1][name]) for name, value in networks[0].items())
