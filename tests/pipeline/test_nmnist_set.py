"""N-MNIST as a data set: files of samples that the tests write."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from drivers.errors import InputError
from models.checkpoint import save_checkpoint
from models.network import Network
from models.settings import LayerSettings, NetworkSettings
from pipeline.datasets import open_dataset
from pipeline.evaluation import evaluate_checkpoint
from pipeline.run_folder import RunFolder
from pipeline.training import train
from pipeline.training_settings import training_settings
from pipeline.trials import TrialCache

FIELDS = np.dtype([("t_us", "<u4"), ("x", "u1"), ("y", "u1"), ("on", "u1")])
EVENTS = 400


@pytest.fixture(scope="module")
def good() -> dict[str, np.ndarray]:
    """20 samples of 310 ms at most, two of each digit."""
    random = np.random.default_rng(5)
    events = np.zeros(20 * EVENTS, FIELDS)
    events["t_us"] = random.integers(0, 310_000, len(events))
    events["x"], events["y"] = random.integers(0, 34, (2, len(events)))
    events["on"] = random.integers(0, 2, len(events))
    offsets = np.arange(0, len(events) + 1, EVENTS)
    return {"events": events, "offsets": offsets, "labels": np.arange(20) % 10}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, good: dict[str, np.ndarray]) -> Path:
    """Those in a file."""
    path = tmp_path_factory.mktemp("nmnist") / "some.npz"
    np.savez(path, **good)
    return path


def test_a_sample_becomes_frames(file: Path, good: dict[str, np.ndarray]) -> None:
    """Of 1 ms from its beginning, whatever the order of its events; classes count from 1."""
    trials = open_dataset(f"nmnist:{file}:all").trials("test", rows=34, columns=34)
    assert [trial.gesture_class for trial in trials] == [*range(1, 11), *range(1, 11)]
    events = good["events"][3 * EVENTS : 4 * EVENTS]
    steps = events["t_us"] // 1000
    expected = np.zeros((steps.max() + 1, 2, 34, 34), np.uint8)
    expected[steps, 1 - events["on"].astype(int), events["y"], events["x"]] = 1
    assert trials[3].frames == len(expected)
    assert np.array_equal(trials[3].unpack(0, len(expected)), expected)


def test_a_file_is_parted_by_a_lot_that_is_always_the_same(file: Path) -> None:
    """Four fifths to train, the others to test, or all of it to both; what was found says so."""
    parted, whole = open_dataset(f"nmnist:{file}"), open_dataset(f"nmnist:{file}:all")

    def bits(dataset, part) -> list[bytes]:
        return [trial.bits.tobytes() for trial in dataset.trials(part, rows=8, columns=8)]

    train, test, everything = bits(parted, "train"), bits(parted, "test"), bits(whole, "test")
    assert (len(train), len(test)) == (16, 4)
    assert sorted(train + test) == sorted(everything)
    assert bits(open_dataset(f"nmnist:{file}"), "test") == test
    assert bits(whole, "train") == everything
    assert parted.found[1] == "to test: 4 of 20 samples, drawn by lot"
    assert whole.found[1] == "to test: 20 of 20 samples"


def test_samples_are_kept_until_the_file_is_another(
    file: Path, tmp_path: Path, good: dict[str, np.ndarray]
) -> None:
    """Both parts come from one archive; another file in the same place has its own."""
    told: list[tuple[int, int]] = []
    cache = TrialCache(tmp_path / "cache")
    other = tmp_path / "other.npz"

    def read(part) -> int:
        told.clear()
        found = open_dataset(f"nmnist:{other}", cache)
        found.trials(part, rows=8, columns=8, reading=lambda *done: told.append(done))
        return len(told)

    np.savez(other, **good)
    assert [read("train"), read("test")] == [20, 0]
    np.savez(other, **(good | {"labels": good["labels"][::-1]}), more=np.zeros(1))
    assert [read("test"), read("train")] == [20, 0]


def test_a_checkpoint_is_judged_by_the_names_of_its_classes(file: Path, tmp_path: Path, caplog):
    """By the samples' 300 ms; classes of other names are taken by number, and that is said."""
    settings = NetworkSettings(layers=(LayerSettings(4, pool=4),), height=16, width=16, classes=10)
    digits = tuple(map(str, range(10)))

    def judged(*names: str):
        path = tmp_path / "some.safetensors"
        save_checkpoint(path, Network(settings), names, parent=None, record={})
        return evaluate_checkpoint(path, open_dataset(f"nmnist:{file}:all"))

    with caplog.at_level(logging.WARNING):
        plain, turned = judged(*digits), judged(*digits[::-1])
        assert not caplog.records
        assert judged(*"abcdefghij").confusion == plain.confusion
    assert "by number" in caplog.text
    assert (plain.trials, plain.judged_ms) == (20, 300)
    assert turned.confusion == plain.confusion[::-1]
    with pytest.raises(InputError, match="class 9;"):
        judged(*digits[:9], "none")


def test_a_network_is_trained(file: Path, tmp_path: Path) -> None:
    """With the classes of the set."""
    dataset = open_dataset(f"nmnist:{file}")
    settings = training_settings(
        {"minibatches": 1, "crops": {"batch": 2, "steps": 100}, "learn_every_ms": 25},
        class_names=dataset.class_names,
    )
    assert train(dataset, RunFolder(tmp_path / "run"), settings).minibatches_done == 1


def test_what_does_not_fit_is_refused(
    file: Path, tmp_path: Path, good: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Users, of whom there are none; pixels that N-MNIST has not; a place without a file."""
    with pytest.raises(InputError, match=r"user 3; .*--users"):
        open_dataset(f"nmnist:{file}").trials("train", rows=8, columns=8, users=[3])
    events = good["events"].copy()
    events["y"][7] = 34
    np.savez(tmp_path / "large.npz", **(good | {"events": events}))
    with pytest.raises(InputError, match=r"y from 0 to 34; allowed: 0 to 33"):
        open_dataset(f"nmnist:{tmp_path / 'large.npz'}")
    monkeypatch.setenv("WIGWAG_DATA", str(tmp_path))
    for name in ("nmnist", "nmnist:all"):
        with pytest.raises(InputError, match=r"nmnist/train1000\.npz"):
            open_dataset(name)
