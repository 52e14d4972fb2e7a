"""Recordings of objects as a data set: folders that the tests write."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from drivers.errors import InputError
from drivers.events import EVENT_DTYPE, SensorSize
from models.checkpoint import save_checkpoint
from models.network import Network
from models.settings import LayerSettings, NetworkSettings
from pipeline.datasets import open_dataset
from pipeline.evaluation import evaluate_checkpoint
from pipeline.run_folder import RunFolder
from pipeline.training import train
from pipeline.training_settings import training_settings
from pipeline.trials import TrialCache, TrialFrames
from recordings.aedat4_writer import Aedat4Writer

NO_CACHE = TrialCache()


def write_recording(path: Path, seconds: float, seed: int) -> None:
    """Events all over 16 x 16 pixels, one at least in every millisecond."""
    random = np.random.default_rng(seed)
    events = np.zeros(round(seconds * 4000), EVENT_DTYPE)
    events["t"] = 7_000_000 + 250 * np.arange(len(events))
    events["x"], events["y"] = random.integers(0, 16, (2, len(events)))
    events["on"] = random.integers(0, 2, len(events))
    with Aedat4Writer(path, SensorSize(16, 16)) as writer:
        writer.write(events)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recordings of a cup, and a short one of a box."""
    folder = tmp_path_factory.mktemp("objects")
    for seed, (name, seconds) in enumerate((("cup", 12.0), ("cup_1", 6.0), ("box", 3.0))):
        write_recording(folder / f"{name}.aedat4", seconds, seed)
    return folder


def load(folder: Path, part, cache: TrialCache = NO_CACHE, **options) -> list[TrialFrames]:
    """At the size of the sensor."""
    return open_dataset(f"objects:{folder}", cache).trials(part, rows=16, columns=16, **options)


def test_windows_lie_side_by_side(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The first two thirds of each recording are to train, the last third is to test; where there
    is no room for a window there is a shorter one. Frames are those of the whole recording.
    """
    dataset = open_dataset(f"objects:{folder}:all")
    assert dataset.class_names == ("box", "cup")
    whole = dataset.trials("test", rows=16, columns=16)
    about = [(trial.gesture_class, trial.frames) for trial in whole]
    assert about == [(1, 1800), *[(2, 1800)] * 6, *[(2, 1800)] * 3]
    train, test = load(folder, "train"), load(folder, "test")
    about = [(trial.gesture_class, trial.frames) for trial in train]
    assert about == [(1, 1800), *[(2, 1800)] * 4, *[(2, 1800)] * 2]
    about = [(trial.gesture_class, trial.frames) for trial in test]
    assert about == [(1, 1000), *[(2, 1800)] * 2, (2, 1800)]
    for one, other in zip(train[:5], whole[:5], strict=True):
        assert np.array_equal(one.bits, other.bits)
    joined = np.concatenate([trial.bits for trial in whole[1:7]])
    assert np.array_equal(test[1].bits, joined[8000:9800])
    assert all(trial.bits.any(axis=1).all() for trial in whole)
    assert not caplog.records  # that recordings end is no news


def test_recordings_are_cut_once_for_both_parts(folder: Path, tmp_path: Path) -> None:
    """What is mapped from the cache is what was cut, and goes to another process as it is."""
    cache = TrialCache(tmp_path / "cache")
    for part in ("train", "test"):
        load(folder, part, cache)
        for kept, plain in zip(load(folder, part, cache), load(folder, part), strict=True):
            assert np.array_equal(kept.bits, plain.bits)
            make, given = kept.__reduce__()
            assert np.array_equal(make(*given).bits, plain.bits)
    assert len([*cache.folder.iterdir()]) == 3


def test_what_is_there_is_said(folder: Path) -> None:
    """Before anything is read."""
    assert open_dataset(f"objects:{folder}").found == (
        "to train: windows of 1,800 ms of the first two thirds of 3 recordings, 2 classes",
        "to test: windows of 1,800 ms of the last third of 3 recordings, 2 classes",
    )
    assert "of all of" in open_dataset(f"objects:{folder}:all").found[1]


def test_some_of_a_checkpoints_objects_can_be_judged(folder: Path, tmp_path: Path) -> None:
    """By their names; an object that it does not know is refused by its name."""
    settings = NetworkSettings(layers=(LayerSettings(4, pool=4),), height=16, width=16, classes=3)
    path = tmp_path / "objects.safetensors"
    save_checkpoint(path, Network(settings), ("book", "box", "cup"), parent=None, record={})
    found = evaluate_checkpoint(path, open_dataset(f"objects:{folder}"))
    assert [sum(row) for row in found.confusion] == [0, 1, 3]
    assert found.trials_shorter_than_protocol == 1
    more = tmp_path / "more"
    shutil.copytree(folder, more)
    write_recording(more / "lamp.aedat4", 3.0, 0)
    with pytest.raises(InputError, match=r"class lamp; allowed: .*book, box, cup"):
        evaluate_checkpoint(path, open_dataset(f"objects:{more}"))


def test_a_network_is_trained(folder: Path, tmp_path: Path) -> None:
    """With the classes of the folder."""
    dataset = open_dataset(f"objects:{folder}")
    settings = training_settings(
        {"minibatches": 1, "crops": {"batch": 2, "steps": 100}, "learn_every_ms": 25},
        class_names=dataset.class_names,
    )
    assert train(dataset, RunFolder(tmp_path / "run"), settings).minibatches_done == 1


def test_what_does_not_fit_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Users, of whom there are none; a recording without events; a place without recordings."""
    with pytest.raises(InputError, match="--users"):
        load(folder, "train", users=[0])
    with Aedat4Writer(tmp_path / "nothing.aedat4", SensorSize(16, 16)):
        pass
    with pytest.raises(InputError, match=r"nothing\.aedat4: got no events"):
        load(tmp_path, "train")
    monkeypatch.setenv("WIGWAG_DATA", str(tmp_path))
    with pytest.raises(InputError, match="dvs128_objects"):
        open_dataset("objects")
