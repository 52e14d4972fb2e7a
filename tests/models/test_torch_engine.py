"""The plain engine: one stream, one frame a step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from models.checkpoint import load_checkpoint, save_checkpoint
from models.errors import ModelError
from models.learning_settings import LearningSettings
from models.network import Network
from models.settings import NetworkSettings
from models.torch_engine import load_engine


@pytest.fixture
def checkpoint(tiny: NetworkSettings, tmp_path: Path) -> Path:
    """A checkpoint of the tiny network."""
    path = tmp_path / "tiny.safetensors"
    save_checkpoint(path, Network(tiny), ("a", "b", "c", "d"), parent=None, record={})
    return path


def test_step_gives_the_networks_votes(checkpoint: Path, random_frames) -> None:
    """Votes and spike counts are those of the network stepped by hand."""
    engine = load_engine(checkpoint, device="cpu")
    network = load_checkpoint(checkpoint).network
    states = network.initial_state(1)
    for frame in random_frames(40, 2, 10, 9):
        got = engine.step(frame, None)
        steps = network.step(states, torch.from_numpy(frame)[None].float(), learning=False)
        assert got.votes.tolist() == network.votes(steps)[:, 0].tolist()
        assert got.spikes.tolist() == [int(step.spikes.sum()) for step in steps]
        assert not got.updated


def test_learning_changes_nothing_before_its_update(checkpoint: Path, random_frames) -> None:
    """Up to the first update a learning engine votes as one that does not learn."""
    still = load_engine(checkpoint, device="cpu")
    learning = load_engine(
        checkpoint, device="cpu", learning=LearningSettings(rate=0.1, update_every_steps=10)
    )
    votes_before, votes_after = [], []
    for number, frame in enumerate(random_frames(60, 2, 10, 9)):
        pair = (still.step(frame, 1).votes.tolist(), learning.step(frame, 1).votes.tolist())
        (votes_before if number < 10 else votes_after).append(pair)
    assert all(a == b for a, b in votes_before)
    assert any(a != b for a, b in votes_after)
    assert (still.updates, learning.updates) == (0, 6)


def test_replay_is_bit_identical(checkpoint: Path, tmp_path: Path, random_frames) -> None:
    """The same frames and targets give the same votes and the same checkpoint version."""
    runs = []
    for number in range(2):
        engine = load_engine(
            checkpoint, device="cpu", learning=LearningSettings(rate=1e-3, update_every_steps=4)
        )
        votes = [
            engine.step(frame, None if t % 50 < 10 else t // 50 % 4).votes.tolist()
            for t, frame in enumerate(random_frames(150, 2, 10, 9))
        ]
        runs.append((votes, engine.save(tmp_path / f"{number}.safetensors", {})))
    assert runs[0] == runs[1]


def test_saved_engine_goes_on_as_the_network_it_was(
    checkpoint: Path, tmp_path: Path, random_frames
) -> None:
    """A saved engine, loaded, has the learnt weights and names the version it came from."""
    engine = load_engine(checkpoint, device="cpu", learning=LearningSettings(rate=1e-3))
    frames = random_frames(50, 2, 10, 9)
    for frame in frames:
        engine.step(frame, 2)
    version = engine.save(tmp_path / "learnt.safetensors", {"note": 1})
    loaded = load_checkpoint(tmp_path / "learnt.safetensors")
    assert (loaded.version, loaded.parent) == (version, engine.version)
    again = load_engine(tmp_path / "learnt.safetensors", device="cpu")
    engine.reset()
    assert [engine.step(f, None).votes.tolist() for f in frames] == [
        again.step(f, None).votes.tolist() for f in frames
    ]


def test_wrong_input_is_refused(checkpoint: Path) -> None:
    """Shape, class, device and threads out of range are named."""
    engine = load_engine(checkpoint, device="cpu", learning=LearningSettings())
    with pytest.raises(ModelError, match=r"frame: got shape \(2, 3, 3\)"):
        engine.step(np.zeros((2, 3, 3), np.uint8), None)
    with pytest.raises(ModelError, match="target: got class 4; allowed: 0 to 3"):
        engine.step(np.zeros((2, 10, 9), np.uint8), 4)
    with pytest.raises(ModelError, match="device: got 'tpu'"):
        load_engine(checkpoint, device="tpu")
    with pytest.raises(ModelError, match="threads: got 0"):
        load_engine(checkpoint, threads=0)
