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
from models.learning_settings import LearningSettings
from models.network import Network
from models.reading import evidence_of, shares_of
from models.settings import NetworkSettings
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


@pytest.mark.parametrize("over_time", ["sum", "product"])
def test_whole_gestures_are_read_alike(tiny, random_frames, over_time: str) -> None:
    """By both readers of sequences, and step by step; one of three has nothing that lasts."""
    settings = replace(
        read(tiny, "softmax", (1, -1)), over_time=over_time, other_class=2, other_share=0.3
    )
    frames = random_frames(80, 3, 2, 10, 9)
    made = checkpoint_of(settings)
    dense = read_densely(made.network, frames, burn_in_ms=20)
    quick = read_sequences(made.network, frames, burn_in_ms=20)
    assert np.allclose(dense.scores, quick.scores, atol=2e-2)
    engine = EventsEngine(made.stored(), None)
    for number in range(3):
        engine.reset()
        shares = [engine.step(frame, None).shares for frame in frames[:, number]]
        scores = evidence_of(settings, np.array(shares[20:])).sum(0)
        scores[1] = max(scores[1], 60 * (np.log(0.3) if over_time == "product" else 0.3))
        assert np.allclose(quick.scores[number], scores, atol=2e-2)


def test_what_decides_over_time_travels_with_the_checkpoint(tiny, tmp_path: Path) -> None:
    """Other networks keep the settings, and so the version, that they had before."""
    settings = replace(
        read(tiny, "softmax", (0, -1)), over_time="product", other_class=4, other_share=0.3
    )
    path = tmp_path / "read.safetensors"
    save_checkpoint(path, Network(settings), tuple("abcd"), parent=None, record={})
    assert load_checkpoint(path).network.settings == settings
    assert settings.reading_text == (
        "softmax of layer 1 and 3, multiplied over time; class 4 where none has 0.3"
    )
    assert not {"over_time", "other_class", "other_share"} & set(tiny.to_dict())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"other_class": 5}, "other class: got 5; allowed: 1 to 4, the number of classes, or 0"),
        ({"other_class": -1}, "other class: got -1"),
        ({"other_share": 0.0}, "other share: got 0.0; allowed: above 0, below 1"),
        ({"other_share": float("nan")}, "other share: got nan"),
        ({"over_time": "mean"}, "over time: got 'mean'; allowed: sum, product"),
    ],
)
def test_a_reading_that_cannot_be_is_refused(tiny, changes, message: str) -> None:
    """With what would be allowed."""
    with pytest.raises(ModelError, match=message):
        replace(tiny, **changes)


def test_votes_that_are_multiplied_are_not_read_as_published(tiny) -> None:
    """Engines then give shares, which the votes alone do not show."""
    assert tiny.reads_as_published
    assert not replace(tiny, over_time="product").reads_as_published
    assert not replace(tiny, other_class=1).reads_as_published


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
