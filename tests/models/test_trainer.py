"""Training on minibatches, and votes counted over whole sequences."""

from __future__ import annotations

from dataclasses import replace

import torch

from models.learning_settings import LearningSettings
from models.network import Network
from models.settings import NetworkSettings
from models.trainer import Trainer, count_votes


def test_training_teaches_every_layer(tiny: NetworkSettings, two_kinds) -> None:
    """Every layer's loss falls, and the upper layers come to tell whole sequences apart."""
    wide = tuple(replace(layer, channels=16) for layer in tiny.layers)
    network = Network(replace(tiny, layers=wide))
    trainer = Trainer(network, LearningSettings(rate=3e-3, dropout=0.0), batch=6)
    results = [trainer.run(*two_kinds(6, 150)) for _ in range(8)]
    assert all(
        after < before for before, after in zip(results[0].loss, results[-1].loss, strict=True)
    )
    frames, labels = two_kinds(4, 200)
    assert (count_votes(network, frames).argmax(2)[1:] == labels).all()
    assert all(0 < rate < 1 for rate in results[-1].firing_rate)


def test_steps_before_the_burn_in_are_not_learnt_from(tiny: NetworkSettings, two_kinds) -> None:
    """A minibatch no longer than the burn-in leaves the weights alone."""
    network = Network(tiny)
    before = network.layers[0].weight.clone()
    Trainer(network, LearningSettings(), batch=2, burn_in_ms=50).run(*two_kinds(2, 50))
    assert torch.equal(before, network.layers[0].weight)


def test_learning_interval_sets_the_number_of_updates(tiny: NetworkSettings, two_kinds) -> None:
    """Of 100 steps after the burn-in, one in five is learnt from."""
    trainer = Trainer(Network(tiny), LearningSettings(), batch=2, learn_every_ms=5)
    trainer.run(*two_kinds(2, 150))
    assert trainer.learner.updates == 20


def test_every_step_after_the_burn_in_votes_once(tiny: NetworkSettings, two_kinds) -> None:
    """Votes over 120 steps with a burn-in of 50 are 70 for each layer and sequence."""
    counts = count_votes(Network(tiny), two_kinds(3, 120)[0])
    assert counts.shape == (3, 3, 4)
    assert (counts.sum(2) == 70).all()
