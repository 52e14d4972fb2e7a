"""Networks that are read by several layers, or by softmax, in every engine alike."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.checkpoint import load_checkpoint, save_checkpoint
from models.engines import load_engine, read_sequences
from models.errors import ModelError
from models.events_engine import EventsEngine
from models.network import Network
from models.reading import shares_of
from models.settings import LearningSettings, NetworkSettings
from models.torch_engine import TorchEngine
from models.trainer import read_sequences as read_densely
from tests.models.events_networks import checkpoint_of


def read(tiny: NetworkSettings, reading: str, layers: tuple[int, ...]) -> NetworkSettings:
    """The tiny network, read in another way."""
    return replace(tiny, reading=reading, reading_layers=layers)  # type: ignore[arg-type]


def test_shares_are_votes_or_softmax_of_the_layers_read(tiny: NetworkSettings) -> None:
    """The mean over layers; of softmax as torch computes it; always 1 in all."""
    y = np.random.default_rng(0).normal(size=(3, 5, 4))
    votes = shares_of(read(tiny, "votes", (0, -1)), y)
    both = [np.eye(4)[y[layer].argmax(1)] for layer in (0, 2)]
    assert np.array_equal(votes, (both[0] + both[1]) / 2)
    soft = shares_of(read(tiny, "softmax", (1,)), y)
    assert np.allclose(soft, torch.softmax(torch.from_numpy(y[1]), 1).numpy())
    assert np.allclose(soft.sum(-1), 1)


@pytest.mark.parametrize(("reading", "layers"), [("votes", (0, 1, 2)), ("softmax", (1, -1))])
def test_engines_and_whole_sequences_agree(
    tiny, random_frames, reading: str, layers: tuple[int, ...]
) -> None:
    """Shares of every step from both engines, and their sums from both readers of sequences."""
    settings = read(tiny, reading, layers)
    frames = random_frames(80, 2, 2, 10, 9)
    made = checkpoint_of(settings)
    plain, fast = TorchEngine(made, None), EventsEngine(made.stored(), None)
    fast.listen(settings.read_layers)
    total = np.zeros(4)
    for t, frame in enumerate(frames[:, 0]):
        one, other = plain.step(frame, None).shares, fast.step(frame, None).shares
        assert one is not None
        assert np.allclose(one, other, atol=1e-4)
        total += one if t >= 20 else 0
    fast.listen([0])
    assert fast.step(frames[0, 0], None).shares is None
    dense = read_densely(made.network, frames, burn_in_ms=20)
    quick = read_sequences(made.network, frames, burn_in_ms=20)
    assert np.allclose(dense.scores[0], total, atol=1e-2)
    assert np.allclose(dense.scores, quick.scores, atol=1e-2)
    assert np.allclose(quick.scores.sum(1), 60)


def test_as_published_the_scores_are_the_top_layers_votes(tiny, random_frames) -> None:
    """And engines leave shares out."""
    made = checkpoint_of(tiny)
    frames = random_frames(80, 2, 2, 10, 9)
    for reading in (
        read_sequences(made.network, frames, burn_in_ms=20),
        read_densely(made.network, frames, burn_in_ms=20),
    ):
        assert np.array_equal(reading.scores, reading.votes[-1])
    assert EventsEngine(made.stored(), None).step(frames[0, 0], None).shares is None


def test_the_reading_travels_with_the_checkpoint(tiny, tmp_path: Path) -> None:
    """Other networks keep the settings, and so the version, that they had before."""
    settings = read(tiny, "softmax", (0, -1))
    path = tmp_path / "read.safetensors"
    save_checkpoint(path, Network(settings), tuple("abcd"), parent=None, record={})
    assert load_checkpoint(path).network.settings == settings
    assert settings.reading_text == "softmax of layer 1 and 3"
    assert not {"reading", "reading_layers"} & set(tiny.to_dict())


@pytest.mark.parametrize("layers", [(), (3,), (0, -3), (-4,)])
def test_layers_that_are_not_there_or_twice_are_refused(tiny, layers: tuple[int, ...]) -> None:
    """With what would be allowed."""
    with pytest.raises(ModelError, match=r"reading layers: got .* different ones of -3 to 2"):
        replace(tiny, reading_layers=layers)


def test_a_live_engine_takes_no_running_mean(tmp_path: Path, tiny: NetworkSettings) -> None:
    """Averages are for training: nothing is left out silently."""
    path = tmp_path / "a.safetensors"
    save_checkpoint(path, Network(tiny), tuple("abcd"), parent=None, record={})
    with pytest.raises(ModelError, match=r"average decay: got 0\.9 for learning from one live"):
        load_engine(path, learning=LearningSettings(average_decay=0.9))
