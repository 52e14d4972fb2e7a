"""The paper's protocol as an experiment, on a small simulated set."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from drivers.errors import InputError
from pipeline.experiments import gestures
from pipeline.experiments.gesture_votes import decisions, first_right_ms


def test_a_checkpoint_is_judged_and_everything_is_called_simulated(
    settings, simulated_set: Path, tiny_checkpoint: Path
) -> None:
    """Accuracy at 1,800 ms is that of the confusion matrix; both figures are there."""
    given = settings(checkpoint=tiny_checkpoint, data=simulated_set)
    found = gestures.run(given, lambda _line: None)
    confusion = found["confusion"]
    assert confusion.sum() == found["test_gestures"] > 0
    assert found["accuracy_by_layer"][-1] == np.trace(confusion) / confusion.sum()
    assert found["accuracy_by_presentation_ms"]["1800"][-1] == found["accuracy_by_layer"][-1]
    written = json.loads((given.out / "gestures.json").read_text())
    assert (written["simulated"], written["data"]) == (True, "simulated gestures")
    assert {path.name for path in given.out.iterdir()} >= {"gestures.png", "gestures_raster.png"}


def test_a_decision_is_the_class_with_most_votes_so_far() -> None:
    """Votes before the burn-in count for nothing; the first right decision is told in ms."""
    votes = np.array([[2, 2, 0, 1, 1, 1], [0, 0, 0, 0, 0, 0]], np.int16)
    decided = decisions(votes, classes=3, burn_in_ms=2)
    assert decided[0].tolist() == [0, 0, 1, 1]
    first = first_right_ms(decided, np.array([1, 1]), burn_in_ms=2)
    assert first[0] == 5.0
    assert np.isnan(first[1])


def test_an_absent_set_is_one_error(settings, monkeypatch, tmp_path: Path) -> None:
    """It says where the set was looked for and how one is made."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="data/simulated"):
        gestures.run(settings(), lambda _line: None)
