"""Poisson MNIST on squares that are bright on the left or on the right."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drivers.errors import InputError
from models.settings import LayerSettings
from pipeline.experiments import mnist
from pipeline.experiments.linear_readout import LINEAR_TOP
from pipeline.experiments.untrained import untrained
from pipeline.idx_files import Digits, read_digits
from pipeline.poisson import poisson_frames
from pipeline.real_data import find

TINY = replace(
    mnist.USUAL,
    network=replace(
        mnist.USUAL.network,
        layers=tuple(LayerSettings(channels=8, pool=1, kernel=3, padding=1) for _ in range(3)),
        classes=2,
        height=6,
        width=6,
    ),
    batch=5,
    steps=150,
    test_samples=20,
)


def two_kinds(count: int) -> Digits:
    """Images bright on the left (class 0) or on the right (class 1)."""
    classes = np.arange(count) % 2
    images = np.zeros((count, 6, 6), np.uint8)
    images[classes == 0, :, :3] = 255
    images[classes == 1, :, 3:] = 255
    return Digits(images, classes.astype(np.int64))


def test_two_kinds_of_image_are_told_apart_and_everything_is_written(settings) -> None:
    """Layer 3, through the linear layer, errs on no test image; JSON has error and seed."""
    lines: list[str] = []
    given = settings(samples=40, seed=4)
    found = mnist.learn_digits(two_kinds(60), two_kinds(30), TINY, given, lines.append)
    assert found["test"][-1]["samples"] == 40
    assert found["test"][-1]["error"][LINEAR_TOP] == 0.0
    assert found["test"][-1]["error"][mnist.CONVENTIONAL] == 0.0
    assert 0.0 <= found["test"][-1]["error"][untrained(LINEAR_TOP)] <= 1.0
    written = json.loads((given.out / "mnist.json").read_text())
    assert (written["seed"], written["simulated"]) == (4, False)
    assert {"command", "machine", "elapsed_s", "options"} <= set(written)
    assert (given.out / "mnist.png").stat().st_size > 1000
    assert any("test error" in line for line in lines)


def test_less_than_a_minibatch_is_refused_at_once(settings) -> None:
    """Before the network is made: nothing would be learnt."""
    with pytest.raises(InputError, match="got 4 of 60 digits; allowed: 5 or more"):
        mnist.learn_digits(two_kinds(60), two_kinds(30), TINY, settings(samples=4), print)


def test_spike_trains_have_the_rate_of_the_pixel() -> None:
    """A pixel at half brightness fires at half the highest rate, a black one never."""
    images = np.array([[[0, 128, 255]]], np.uint8)
    frames = poisson_frames(images, 20_000, 50.0, np.random.default_rng(0))
    assert frames.shape == (20_000, 1, 1, 1, 3)
    assert frames.mean(axis=(0, 1, 2, 3)) == pytest.approx([0, 0.0251, 0.05], rel=0.1)


def test_idx_files_are_read_plain_or_gzipped(tmp_path: Path) -> None:
    """Images and labels come as they were written; a shortened file is refused."""
    images = np.arange(2 * 3 * 4, dtype=np.uint8)
    head = bytes((0, 0, 8, 3)) + np.array([2, 3, 4], ">u4").tobytes()
    labels = bytes((0, 0, 8, 1)) + np.array([2], ">u4").tobytes() + bytes((7, 1))
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(head + images.tobytes()))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(labels)
    digits = read_digits(tmp_path, "train")
    assert np.array_equal(digits.images, images.reshape(2, 3, 4))
    assert digits.classes.tolist() == [7, 1]
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(labels[:-1])
    with pytest.raises(InputError, match="train-labels"):
        read_digits(tmp_path, "train")


def test_absent_data_are_said_with_the_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names where it was looked for."""
    monkeypatch.setenv("WIGWAG_DATA", str(tmp_path))
    with pytest.raises(InputError, match=str(tmp_path / "mnist")):
        find(None, "mnist")
