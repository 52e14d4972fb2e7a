"""Training runs, tiny ones, on a simulated set."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from drivers.errors import InputError
from drivers.gestures import GESTURE_NAMES
from models.checkpoint import load_checkpoint
from models.errors import ModelError
from pipeline.crops import CropSettings
from pipeline.training import (
    FINAL_RATE_SHARE,
    TrainingProgress,
    TrainingSettings,
    rate_factor,
    train,
)

CROPS = CropSettings(batch=2, steps=60)


def tiny(**changes: Any) -> TrainingSettings:
    """Two minibatches of two short crops each."""
    return TrainingSettings(**({"minibatches": 2, "crops": CROPS} | changes))


def test_the_same_run_gives_the_same_checkpoint(simulated_set: Path, tmp_path: Path) -> None:
    """Data, settings and seed decide every bit; another seed gives other weights."""
    versions = [
        train(simulated_set, tmp_path / name, tiny(seed=seed))
        for name, seed in (("one", 4), ("two", 4), ("three", 5))
    ]
    assert versions[0] == versions[1] != versions[2]
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "three", "two"]


def test_progress_is_told_and_the_record_says_how_it_was_made(
    simulated_set: Path, tmp_path: Path
) -> None:
    """Progress comes after every recording and minibatch; the checkpoint tells its origin."""
    read: list[tuple[int, int]] = []
    told: list[TrainingProgress] = []
    out = tmp_path / "small.safetensors"
    version = train(
        simulated_set,
        out,
        tiny(learn_every_ms=3),
        reading=lambda done, total: read.append((done, total)),
        progress=told.append,
    )
    assert read == [(1, 2), (2, 2)]
    assert [(item.minibatch, item.minibatches) for item in told] == [(1, 2), (2, 2)]
    assert told[-1].left_s == 0.0
    assert len(told[-1].result.accuracy) == 3

    loaded = load_checkpoint(out)
    assert (loaded.version, loaded.class_names) == (version, GESTURE_NAMES)
    assert loaded.parent is None
    record = loaded.record
    assert record["simulated"] is True
    assert record["users"] == [1]
    assert record["trials"] == 4
    assert record["minibatches_done"] == 2
    assert len(record["training_accuracy"]) == 3
    assert record["training"]["learn_every_ms"] == 3
    assert record["training"]["crops"] == {
        "batch": 2,
        "steps": 60,
        "shift_cells": 1,
        "drop_up_to": 0.0,
    }


def test_weights_change_with_every_minibatch(simulated_set: Path, tmp_path: Path) -> None:
    """A second minibatch is learnt from too."""
    one, two = (train(simulated_set, tmp_path / "out", tiny(minibatches=count)) for count in (1, 2))
    assert one != two


def test_only_a_simulated_set_is_called_simulated(simulated_set: Path, tmp_path: Path) -> None:
    """A folder without the notice is not said to be simulated."""
    folder = tmp_path / "set"
    shutil.copytree(simulated_set, folder)
    (folder / "SIMULATED.txt").unlink()
    train(folder, tmp_path / "out", tiny(minibatches=1))
    assert load_checkpoint(tmp_path / "out").record["simulated"] is False


def test_the_learning_rate_decays_to_its_final_share() -> None:
    """From the whole rate to a hundredth of it, never rising."""
    factors = [rate_factor(step / 20) for step in range(21)]
    assert factors[0] == 1.0
    assert factors[-1] == pytest.approx(FINAL_RATE_SHARE)
    assert factors == sorted(factors, reverse=True)


def test_what_cannot_be_trained_on_is_one_error(simulated_set: Path, tmp_path: Path) -> None:
    """No set, no training users, an unknown preset, a folder to write to that is not there."""
    out = tmp_path / "out"
    with pytest.raises(InputError, match="nowhere"):
        train(tmp_path / "nowhere", out, tiny())
    with pytest.raises(InputError, match=r"absent.*make the folder"):
        train(simulated_set, tmp_path / "absent" / "out", tiny())
    with pytest.raises(ModelError, match=r"preset.*huge.*small"):
        train(simulated_set, out, tiny(preset="huge"))
    folder = tmp_path / "set"
    shutil.copytree(simulated_set, folder)
    (folder / "trials_to_train.txt").write_text("")
    with pytest.raises(InputError, match="no gestures"):
        train(folder, out, tiny())
    assert not out.exists()


@pytest.mark.parametrize(
    "change", [{"minibatches": 0}, {"learn_every_ms": 0}, {"crops": CropSettings(steps=50)}]
)
def test_settings_out_of_range_are_refused(change: dict[str, Any]) -> None:
    """Also crops that are over before anything would be learnt from them."""
    with pytest.raises(InputError, match="allowed"):
        tiny(**change)
