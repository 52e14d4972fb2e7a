"""MNIST as a data set: idx files of small images that the tests write."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from drivers.errors import InputError
from pipeline.datasets import open_dataset
from pipeline.evaluation import evaluate_checkpoint
from pipeline.mnist_set import fitted
from pipeline.run_folder import RunFolder
from pipeline.training import train
from pipeline.training_settings import training_settings

SIDE = 8


def write_part(folder: Path, part: str, classes: list[int], side: int = SIDE) -> np.ndarray:
    """Images of noise; of the shape (images, side, side)."""
    images = np.random.default_rng(len(classes)).integers(
        0, 256, (len(classes), side, side), np.uint8
    )
    for name, array in (
        ("images-idx3", images),
        ("labels-idx1", np.array(classes, np.uint8)),
    ):
        head = bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">u4").tobytes()
        (folder / f"{part}-{name}-ubyte").write_bytes(head + array.tobytes())
    return images


@pytest.fixture
def images(tmp_path: Path) -> np.ndarray:
    """Those to train, 12 of them; six others are to test."""
    write_part(tmp_path, "t10k", [0, 9, 3, 3, 1, 2])
    return write_part(tmp_path, "train", [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8])


def test_digits_become_spike_trains(images: np.ndarray, tmp_path: Path) -> None:
    """Of ON events for 500 ms, at 50 Hz where an image is white; classes count from 1."""
    trials = open_dataset(f"mnist:{tmp_path}").trials("train", rows=SIDE, columns=SIDE)
    assert [trial.gesture_class for trial in trials] == [4, 2, 5, 2, 6, 10, 3, 7, 6, 4, 6, 9]
    assert {trial.frames for trial in trials} == {500}
    frames = np.stack([trial.unpack(0, 600) for trial in trials])
    assert not frames[:, 500:].any()
    assert not frames[:, :, 1].any()
    assert frames[:, :500, 0].sum() == pytest.approx(500 * 0.05 * images.sum() / 255.0, rel=0.05)
    bright, dark = images > 200, images < 50
    shares = frames[:, :500, 0].mean(axis=1)
    assert shares[bright].mean() > 6 * shares[dark].mean()


def test_a_digit_has_one_spike_train(images: np.ndarray, tmp_path: Path) -> None:
    """Whichever part of it is read, when, and by which process; another digit has another one."""
    trials, again = (
        open_dataset(f"mnist:{tmp_path}").trials("train", rows=SIDE, columns=SIDE) for _ in "12"
    )
    whole = trials[3].unpack(0, 500)
    assert np.array_equal(again[3].unpack(0, 500), whole)
    assert np.array_equal(pickle.loads(pickle.dumps(trials[3])).unpack(0, 500), whole)
    assert np.array_equal(trials[3].unpack(133, 200), whole[133:333])
    assert np.array_equal(trials[3].unpack(450, 100)[:50], whole[450:])
    assert not trials[3].unpack(500, 10).any()
    assert not np.array_equal(trials[4].unpack(0, 500), whole)


def test_an_image_is_fitted_into_the_grid() -> None:
    """By mean brightness where the grid is smaller, with darkness about it where it is larger."""
    image = np.arange(0, 128, 2, np.uint8).reshape(8, 8)
    assert np.array_equal(fitted(image, 8, 8), image)
    assert np.array_equal(fitted(image, 4, 4), image.reshape(4, 2, 4, 2).mean((1, 3)))
    larger = fitted(image, 10, 12)
    assert np.array_equal(larger[1:9, 2:10], image)
    assert larger.sum() == image.sum()
    assert fitted(image, 4, 12).shape == (4, 12)


def test_a_network_is_trained_and_judged(images: np.ndarray, tmp_path: Path) -> None:
    """With the classes of digits, by 500 ms of each test digit."""
    dataset = open_dataset(f"mnist:{tmp_path}")
    assert dataset.found[1] == "to test: 6 digits, Poisson spike trains of 500 ms, 0 to 50 Hz"
    settings = training_settings(
        {"minibatches": 1, "crops": {"batch": 2, "steps": 100}, "learn_every_ms": 25},
        class_names=dataset.class_names,
    )
    run = RunFolder(tmp_path / "run")
    assert train(dataset, run, settings, workers=1).minibatches_done == 1
    found = evaluate_checkpoint(run.checkpoint, dataset)
    assert (found.trials, found.judged_ms, found.trials_shorter_than_protocol) == (6, 500, 0)
    assert [sum(row) for row in found.confusion] == [1, 1, 1, 2, 0, 0, 0, 0, 0, 1]


def test_what_does_not_fit_is_refused(
    images: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Users, of whom there are none; letters; images without a pixel; a place without files."""
    with pytest.raises(InputError, match="--users"):
        open_dataset(f"mnist:{tmp_path}").trials("train", rows=8, columns=8, users=[1])
    write_part(tmp_path, "t10k", [10])
    with pytest.raises(InputError, match=r"to test: got .*classes up to 10"):
        open_dataset(f"mnist:{tmp_path}")
    write_part(tmp_path, "t10k", [1], side=0)
    with pytest.raises(InputError, match=r"to test: got images of shape \(1, 0, 0\)"):
        open_dataset(f"mnist:{tmp_path}")
    monkeypatch.setenv("WIGWAG_DATA", str(tmp_path))
    with pytest.raises(InputError, match="nothing at"):
        open_dataset("mnist")
