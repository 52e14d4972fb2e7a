"""Error-triggered learning, Eq. 6."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.error_trigger import ErrorTrigger
from models.learning_settings import LearningSettings
from models.network import Network
from models.trainer import Trainer


def test_errors_beyond_the_threshold_spike_with_their_sign() -> None:
    """s+ - s- of each class, as large as a mean over batch and classes makes it."""
    trigger = ErrorTrigger(LearningSettings(error_threshold=0.25))
    errors = torch.tensor([[0.5, -0.25, 0.1], [-0.7, 0.25, 0.3]])
    got = trigger.spikes(errors / errors.numel())
    assert torch.equal(got * 6, torch.tensor([[1.0, 0, 0], [-1, 0, 1]]))
    assert (trigger.share, trigger.updates_share) == (0.5, 1.0)
    assert trigger.threshold == 0.25
    trigger.spikes(torch.tensor([[0.1, -0.2, 0.1], [0.0, 0.0, 0.3]]) / 6)
    assert (trigger.share, trigger.updates_share) == (pytest.approx(1 / 6), 0.5)


@pytest.mark.parametrize("rate", [0.05, 0.4])
def test_the_threshold_adapts_to_the_wanted_rate(rate: float) -> None:
    """From far off, either way, to within a fifth of the share that is to spike."""
    random = torch.Generator().manual_seed(0)
    for begin in (1e-3, 5.0):
        trigger = ErrorTrigger(LearningSettings(error_threshold=begin, error_rate=rate))
        shares = []
        for _ in range(1000):
            trigger.spikes(torch.randn(8, 11, generator=random) / 88)
            shares.append(trigger.share)
        assert np.mean(shares[600:]) == pytest.approx(rate, rel=0.2)


def test_without_large_errors_nothing_is_learnt(tiny, random_frames) -> None:
    """Weights rest under a threshold that no error reaches, regularisers included."""
    network = Network(tiny)
    before = {name: tensor.clone() for name, tensor in network.tensors().items()}
    trainer = Trainer(network, LearningSettings(error_threshold=50.0), batch=2, burn_in_ms=5)
    result = trainer.run(random_frames(20, 2, 2, 10, 9), np.array([0, 1]))
    assert all(torch.equal(value, before[name]) for name, value in network.tensors().items())
    assert min(result.loss) > 0


def test_triggered_learning_teaches(tiny, random_frames) -> None:
    """With a tenth of the errors spiking, every layer's loss falls all the same."""
    learning = LearningSettings(rate=3e-3, dropout=0.0, error_rate=0.1)
    trainer = Trainer(Network(tiny), learning, batch=3, burn_in_ms=10)
    frames = random_frames(60, 3, 2, 10, 9)
    losses = [trainer.run(frames, np.array([0, 1, 2])).loss for _ in range(6)]
    assert all(after < before for after, before in zip(losses[-1], losses[0], strict=True))
