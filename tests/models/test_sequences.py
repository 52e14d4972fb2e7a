"""A stretch of steps at once gives what one step after the other gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.learner import Learner
from models.learning_settings import LearningSettings
from models.network import Network
from models.sequences import SequenceRunner
from models.settings import NetworkSettings
from models.trainer import Trainer

BATCH = 3


def frames_for(settings: NetworkSettings, steps: int, share: float = 0.2):
    """Random frames of `BATCH` streams, shape (steps, BATCH, channels, height, width)."""
    shape = (steps, BATCH, settings.input_channels, settings.height, settings.width)
    return (np.random.default_rng(5).random(shape) < share).astype(np.uint8)


@pytest.mark.parametrize("copies", [1, 3])
@pytest.mark.parametrize("cuts", [(20,), (1, 7, 12), (7, 7, 6)])
def test_stretches_equal_single_steps(tiny: NetworkSettings, copies: int, cuts) -> None:
    """In float64, potentials, pooled spikes and votes of every layer agree at every step."""
    settings = replace(tiny, input_copies=copies)
    network = Network(settings)
    network.load_tensors(
        {name: value.double() for name, value in network.tensors().items()}, dtype=torch.float64
    )
    frames = torch.from_numpy(frames_for(settings, sum(cuts)))
    runner = SequenceRunner(network, batch=BATCH, longest=max(cuts))
    states = network.initial_state(BATCH)
    begin = fired = 0
    for cut in cuts:
        stretches = runner.run(frames[begin : begin + cut])
        votes = runner.readings(stretches).argmax(3)
        for t in range(cut):
            now = slice(t * BATCH, (t + 1) * BATCH)
            for number, step in enumerate(
                network.step(states, frames[begin + t].double(), learning=True)
            ):
                stretch = stretches[number]
                torch.testing.assert_close(stretch.u[now], step.u)
                torch.testing.assert_close(stretch.p_padded[now], states[number].p_padded)
                assert torch.equal((stretch.pooled[now] > 0).double(), step.spikes)
                readout = network.layers[number].read_out(step.activity)
                assert torch.equal(votes[number, t], readout.argmax(1))
                fired += int(step.spikes.sum())
        traces, last = runner.last_step(stretches)
        for number, state in enumerate(states):
            torch.testing.assert_close(traces[number], state.p_padded)
            assert torch.equal(last[number].spikes.sum(), (stretches[number].pooled[now] > 0).sum())
        begin += cut
    assert fired > 100


@pytest.mark.parametrize("learn_every_ms", [1, 4, 7])
def test_training_equals_learning_step_by_step(tiny: NetworkSettings, learn_every_ms: int) -> None:
    """Weights after two minibatches are those of the step-by-step rule, dropout included."""
    learning = LearningSettings(rate=1e-3)
    labels = np.array([0, 1, 3])
    network = Network(tiny)
    trainer = Trainer(network, learning, batch=BATCH, burn_in_ms=9, learn_every_ms=learn_every_ms)
    frames = frames_for(tiny, 40)
    for _ in range(2):
        trainer.run(frames, labels)

    other = Network(tiny)
    learner = Learner(other, learning)
    states = other.initial_state(BATCH)
    for _ in range(2):
        for t, frame in enumerate(frames):
            learn = t >= 9 and (t - 9) % learn_every_ms == 0
            steps = other.step(states, torch.from_numpy(frame).float(), learning=learn)
            if learn:
                traces = [state.p_padded for state in states]
                learner.learn(traces, steps, torch.eye(4)[torch.from_numpy(labels)])
    assert learner.updates == trainer.learner.updates
    for name, value in other.tensors().items():
        torch.testing.assert_close(network.tensors()[name], value, rtol=0, atol=1e-6)
