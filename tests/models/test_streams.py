"""Several streams through one set of weights: a state of its own for each, learning shared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.engine import Engine, StreamFrame
from models.engines import load_engine
from models.errors import ModelError
from models.events_engine import EventsEngine
from models.learning_settings import LearningSettings
from models.settings import EngineName
from models.teaching import teaching_of
from models.torch_engine import TorchEngine

from .events_networks import PLAIN, checkpoint_of, frames_of, save_firing, small, weights_of

NETWORK = small(4)
ENGINES: tuple[EngineName, ...] = ("events", "torch")
LEARNING = LearningSettings(rate=1e-3, update_every_steps=2, seed=3)


@pytest.fixture(scope="module", params=["votes", "softmax"])
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small random checkpoint that fires, read either way."""
    network = replace(NETWORK, reading=request.param)
    return save_firing(network, tmp_path_factory.mktemp("streams"))


def _engine(path: Path, name: EngineName, learning: LearningSettings | None) -> Engine:
    return load_engine(path, engine=name, device="cpu", learning=learning)


@pytest.mark.parametrize("learning", [None, LEARNING], ids=["rests", "may learn"])
@pytest.mark.parametrize("name", ENGINES)
def test_streams_do_not_see_each_other(
    path: Path, name: EngineName, learning: LearningSettings | None
) -> None:
    """While weights rest, each gives what it gives alone, one after the other; reset is of one."""
    frames = frames_of(NETWORK, 120, 20.0)
    together = _engine(path, name, learning)
    assert [together.add_stream(), together.add_stream()] == [1, 2]
    order = {stream: np.roll(frames, 30 * stream, axis=0) for stream in range(3)}
    seen: dict[int, list[list[int]]] = {stream: [] for stream in range(3)}
    for t in range(120):
        for stream in (2, 0, 1):
            if t == 60 and stream == 1:
                together.reset(1)
            votes = together.step(order[stream][t], None, stream).votes.tolist()
            seen[stream].append(votes)
            fired = together.sample_spikes(10**6, stream)
            assert len(fired) == 3
    for stream in range(3):
        alone = _engine(path, name, learning)
        expected = []
        for t in range(120):
            if t == 60 and stream == 1:
                alone.reset()
            expected.append(alone.step(order[stream][t], None).votes.tolist())
        assert seen[stream] == expected
        for mine, theirs in zip(
            together.sample_spikes(10**6, stream), alone.sample_spikes(10**6), strict=True
        ):
            assert (mine == theirs).all()


def test_a_step_of_several_is_what_steps_one_by_one_are(path: Path) -> None:
    """Where spikes are: the same bits, whoever takes part; results in the order given."""
    frames = frames_of(NETWORK, 90, 20.0)
    together, apart = (_engine(path, "events", LEARNING) for _ in range(2))
    for engine in (together, apart):
        engine.add_stream()
    for t in range(90):
        given = [StreamFrame(1, frames[t], None), StreamFrame(0, frames[89 - t], None)]
        given = given[: 1 + (t % 3 > 0)]
        for one, result in zip(given, together.step_together(given), strict=True):
            expected = apart.step(one.frame, None, one.stream)
            assert result.votes.tolist() == expected.votes.tolist()
            assert result.spikes.tolist() == expected.spikes.tolist()
            if expected.shares is not None and result.shares is not None:
                assert result.shares.tolist() == expected.shares.tolist()


@pytest.mark.parametrize("every", [1, 3])
def test_engines_agree_on_streams_that_learn_together(every: int) -> None:
    """Double precision, two of three streams with targets: votes, spikes, updates and weights."""
    learning = replace(PLAIN, update_every_steps=2 * every, learn_every_steps=every)
    plain = TorchEngine(checkpoint_of(NETWORK, dtype=torch.float64), learning)
    fast = EventsEngine(
        checkpoint_of(NETWORK, dtype=torch.float64).stored(), learning, dtype=np.float64
    )
    for engine in (plain, fast):
        engine.add_stream()
        engine.add_stream()
    frames = frames_of(NETWORK, 60, 40.0)
    for t in range(60):
        given = [
            StreamFrame(0, frames[t], 3),
            StreamFrame(2, frames[(t + 20) % 60], None),
            StreamFrame(1, frames[(t + 40) % 60], t // 20 if t % 7 else None),
        ]
        given = given[: 2 + (t % 5 > 0)]
        results = zip(plain.step_together(given), fast.step_together(given), strict=True)
        for a, b in results:
            assert a.votes.tolist() == b.votes.tolist()
            assert a.spikes.tolist() == b.spikes.tolist()
            assert a.updated == b.updated
    assert plain.updates == fast.updates > 10
    learnt = weights_of(fast, NETWORK, torch.float64).tensors()
    for name, tensor in plain._network.tensors().items():
        assert float((learnt[name] - tensor).abs().max()) < 1e-6 * learning.rate


@pytest.mark.parametrize("name", ENGINES)
def test_what_one_stream_teaches_all_know(path: Path, name: EngineName) -> None:
    """Weights are shared, a class that is new too; also by a stream that comes after it."""
    engine = _engine(path, name, replace(LEARNING, rate=5e-3))
    frames = frames_of(NETWORK, 100, 20.0)
    engine.add_stream()
    engine.step(frames[0], None, 1)
    teaching_of(engine).add_class("wink")
    for frame in frames:
        engine.step(frame, 11, 1)
    late = engine.add_stream()
    votes = {
        stream: [int(engine.step(frame, None, stream).votes[-1]) for frame in frames]
        for stream in (0, late)
    }
    assert votes[0] == votes[late]
    assert votes[0].count(11) > 50


@pytest.mark.parametrize("name", ENGINES)
def test_a_step_that_cannot_be_is_refused_and_changes_nothing(path: Path, name: EngineName) -> None:
    """A stream that is not there, or twice, a wrong shape or class."""
    engine = _engine(path, name, LEARNING)
    engine.add_stream()
    frame = frames_of(NETWORK, 1, 20.0)[0]
    for wrong, said in (
        ([(2, frame, None)], "stream: got 2; allowed: 0 to 1"),
        ([(-1, frame, None)], "stream: got -1"),
        ([(0, frame, None), (0, frame, None)], "got 0, 0; allowed: each once"),
        ([(0, frame, None), (1, frame[:1], None)], "frame: got shape"),
        ([(0, frame, None), (1, frame, 11)], "target: got class 11"),
    ):
        with pytest.raises(ModelError, match=said):
            engine.step_together([StreamFrame(*given) for given in wrong])
    assert engine.step_together([]) == []
    fresh = _engine(path, name, LEARNING)
    assert engine.step(frame, None).votes.tolist() == fresh.step(frame, None).votes.tolist()
