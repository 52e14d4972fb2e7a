"""The paper's protocol as an experiment, on a small simulated set."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from drivers.errors import InputError
from models.checkpoint import load_checkpoint
from models.engines import read_sequences
from models.network import Network
from models.settings import LayerSettings, NetworkSettings
from pipeline.experiments import gestures
from pipeline.experiments.gesture_votes import decisions_of_trials, first_right_ms, leading
from pipeline.trials import TrialFrames


def test_a_checkpoint_is_judged_and_everything_is_called_simulated(
    settings, simulated_set: Path, tiny_checkpoint: Path
) -> None:
    """Accuracy at 1,800 ms is that of the confusion matrix; both figures are there."""
    given = settings(checkpoint=tiny_checkpoint, data=simulated_set)
    found = gestures.run(given, lambda _line: None)
    confusion = found["confusion"]
    assert confusion.sum() == found["test_gestures"] > 0
    assert found["accuracy"] == np.trace(confusion) / confusion.sum()
    assert found["accuracy_by_presentation_ms"]["1800"][-1] == found["accuracy"]
    written = json.loads((given.out / "gestures.json").read_text())
    assert (written["simulated"], written["data"]) == (True, "simulated gestures")
    assert {path.name for path in given.out.iterdir()} >= {"gestures.png", "gestures_raster.png"}


def test_it_learns_and_tells_the_error_on_the_way(settings, simulated_set: Path) -> None:
    """Fig. 5: at first, and after the only minibatch; what was learnt is kept."""
    given = settings(samples=1, data=simulated_set)
    found = gestures.run(given, lambda _line: None)
    seen = [point["samples"] for point in found["error_while_learning"]]
    assert (seen[0], len(seen)) == (0, 2)
    assert all(len(point["error_by_layer"]) == 4 for point in found["error_while_learning"])
    assert load_checkpoint(given.out / "gestures.safetensors").version == found["version"]


def test_the_class_with_the_largest_sum_so_far_leads() -> None:
    """The first right decision is told in ms."""
    votes = np.array([[0, 0], [1, 0], [1, 0], [1, 0]])
    decided = leading(np.eye(3)[votes])
    assert decided[0].tolist() == [0, 0, 1, 1]
    first = first_right_ms(decided, np.array([1, 1]), burn_in_ms=2)
    assert first[0] == 5.0
    assert np.isnan(first[1])


def test_at_every_step_it_leads_as_the_network_is_to_be_read() -> None:
    """The last row at the last step is what the whole gesture is read as."""
    settings = NetworkSettings(
        layers=(LayerSettings(4, pool=1),) * 2,
        classes=4,
        height=10,
        width=9,
        gain=10.0,
        reading="softmax",
        over_time="product",
        other_class=3,
        other_share=0.3,
    )
    network = Network(settings)
    frames = (np.random.default_rng(1).random((90, 4, 2, 10, 9)) < 0.2).astype(np.uint8)
    trials = [
        TrialFrames(1, 1, "led", np.packbits(each.reshape(90, -1), axis=1), 10, 9)
        for each in frames.swapaxes(0, 1)
    ]
    decided = decisions_of_trials(network, trials, steps=90, burn_in_ms=20)
    assert decided.shape == (3, 4, 70)
    read = read_sequences(network, frames, burn_in_ms=20)
    assert decided[-1, :, -1].tolist() == read.scores.argmax(1).tolist()
    assert decided[0, :, -1].tolist() == read.votes[0].argmax(1).tolist()


def test_an_absent_set_is_one_error(settings, monkeypatch, tmp_path: Path) -> None:
    """It says where the set was looked for and how one is made."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="data/simulated"):
        gestures.run(settings(), lambda _line: None)
