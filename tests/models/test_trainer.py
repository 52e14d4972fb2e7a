"""Training on minibatches, and votes counted over whole sequences."""

from __future__ import annotations

from dataclasses import replace

import torch

from models.learning_rule import local_gradient
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


def test_gradients_of_every_step_can_make_one_update(tiny: NetworkSettings, two_kinds) -> None:
    """Learning at every step, with an update every 20: the update is of the 20 gradients' sum."""
    learning = LearningSettings(
        rate=1.0, optimiser="SGD", dropout=0.0, regularisation=0.0, update_every_steps=20
    )
    network, still = Network(tiny), Network(tiny)
    frames, labels = two_kinds(2, 70)
    trainer = Trainer(network, learning, batch=2, burn_in_ms=50, learn_every_ms=1)
    trainer.run(frames, labels)
    assert trainer.learner.updates == 1
    states = still.initial_state(2)
    sums = [torch.zeros_like(layer.weight) for layer in still.layers]
    for number, frame in enumerate(frames):
        steps = still.step(states, torch.from_numpy(frame).float(), learning=True)
        for layer, state, step, total in zip(still.layers, states, steps, sums, strict=True):
            gradient = local_gradient(
                layer,
                state.p_padded,
                step,
                torch.eye(4)[torch.from_numpy(labels)],
                regularisation=0.0,
                dropout_mask=None,
            )
            if number >= 50 and gradient.weight is not None:
                total += gradient.weight
    for layer, before, total in zip(network.layers, still.layers, sums, strict=True):
        torch.testing.assert_close(before.weight - layer.weight, total, atol=1e-6, rtol=1e-4)


def test_every_step_after_the_burn_in_votes_once(tiny: NetworkSettings, two_kinds) -> None:
    """Votes over 120 steps with a burn-in of 50 are 70 for each layer and sequence."""
    counts = count_votes(Network(tiny), two_kinds(3, 120)[0])
    assert counts.shape == (3, 3, 4)
    assert (counts.sum(2) == 70).all()
