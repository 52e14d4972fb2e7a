"""Training and votes where spikes are, against the plain ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.engines import read_sequences
from models.errors import ModelError
from models.events_trainer import EventsTrainer
from models.learning_settings import LearningSettings
from models.network import Network
from models.settings import NetworkSettings
from models.trainer import count_votes as count_votes_plainly


def wide(tiny: NetworkSettings) -> NetworkSettings:
    """The tiny network with channels enough to learn."""
    return replace(tiny, layers=tuple(replace(layer, channels=16) for layer in tiny.layers))


def test_training_teaches_every_layer(tiny: NetworkSettings, two_kinds) -> None:
    """Every layer's loss falls, and the upper layers come to tell whole sequences apart."""
    network = Network(wide(tiny))
    learning = LearningSettings(rate=3e-3, dropout=0.0)
    trainer = EventsTrainer(network, learning, batch=6, learn_every_ms=10)
    results = [trainer.run(*two_kinds(6, 150)) for _ in range(12)]
    assert all(
        after < before for before, after in zip(results[0].loss, results[-1].loss, strict=True)
    )
    frames, labels = two_kinds(4, 200)
    assert (count_votes_plainly(network, frames).argmax(2)[1:] == labels).all()
    assert all(0 < rate < 1 for rate in results[-1].firing_rate)


def test_votes_are_those_of_the_plain_count(tiny: NetworkSettings, two_kinds) -> None:
    """Over whole sequences at most one vote in a thousand differs."""
    network = Network(replace(wide(tiny), gain=5.0))
    frames, _ = two_kinds(3, 300)
    got = read_sequences(network, frames, burn_in_ms=50).votes
    wanted = count_votes_plainly(network, frames)
    assert got.shape == wanted.shape
    assert (got.sum(2) == 250).all()
    assert np.abs(got - wanted).sum() / 2 <= 0.001 * wanted.sum()


def test_the_same_run_gives_the_same_weights(tiny: NetworkSettings, two_kinds) -> None:
    """Dropout included: bit for bit; another seed gives others."""
    weights = []
    for seed in (1, 1, 2):
        network = Network(wide(tiny))
        learning = LearningSettings(rate=1e-3, seed=seed)
        EventsTrainer(network, learning, batch=2, learn_every_ms=3).run(*two_kinds(2, 90))
        weights.append(network.layers[1].weight.clone())
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_the_network_holds_the_running_mean_of_all_updates(tiny, two_kinds) -> None:
    """With decay 0 it is what was learnt last; else a mean of what each update left."""
    made = {}
    for decay in (None, 0.0, 0.5):
        network = Network(wide(tiny))
        learning = LearningSettings(rate=1e-3, readout_rate=1e-3, average_decay=decay)
        # Three minibatches of one learning step.
        trainer = EventsTrainer(network, learning, batch=2, learn_every_ms=60)
        seen = []
        for _ in range(3):
            trainer.run(*two_kinds(2, 52))
            seen.append({name: value.clone() for name, value in network.tensors().items()})
        made[decay] = seen
    last, none, half = made[None], made[0.0], made[0.5]
    for name, tensor in none[-1].items():
        assert torch.allclose(tensor, last[-1][name], atol=1e-6)
        mean = (last[0][name] + 2 * last[1][name] + 4 * last[2][name]) / 7
        assert torch.allclose(half[-1][name], mean, atol=1e-6)
    assert not torch.allclose(half[-1]["layers.0.weight"], last[-1]["layers.0.weight"], atol=1e-5)


def test_weights_that_explode_are_said(tiny: NetworkSettings, two_kinds) -> None:
    """A network that has gone to infinity is not trained on."""
    network = Network(tiny)
    network.layers[0].bias.fill_(float("nan"))
    trainer = EventsTrainer(network, LearningSettings(), batch=2)
    with pytest.raises(ModelError, match="not finite"):
        trainer.run(*two_kinds(2, 60))


def test_after_a_reset_nothing_is_left_of_the_minibatch_before(
    tiny: NetworkSettings, two_kinds
) -> None:
    """Without a reset it is: minibatches are one stream."""
    learning = LearningSettings(rate=0.0)
    first, then = two_kinds(2, 90), two_kinds(2, 90)
    fresh = EventsTrainer(Network(wide(tiny)), learning, batch=2, burn_in_ms=0).run(*then)
    trainer = EventsTrainer(Network(wide(tiny)), learning, batch=2, burn_in_ms=0)
    trainer.run(*first)
    assert trainer.run(*then) != fresh
    trainer.reset()
    assert trainer.run(*then) == fresh
