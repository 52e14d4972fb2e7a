"""Data of a few small samples, made by the tests, in the layouts of the real sets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline.experiments.settings import ExperimentSettings


@pytest.fixture
def settings(tmp_path: Path) -> Callable[..., ExperimentSettings]:
    """Makes settings with a folder for results."""
    return lambda **options: ExperimentSettings(out=tmp_path / "out", **options)


@pytest.fixture
def event_samples(tmp_path: Path) -> Path:
    """40 samples of two classes: events in the left or in the right half of 12 x 12 pixels."""
    rng = np.random.default_rng(3)
    labels = np.arange(40, dtype=np.uint8) % 2
    dtype = [("t_us", "<u4"), ("x", "u1"), ("y", "u1"), ("on", "u1")]
    parts = []
    for label in labels:
        events = np.zeros(1500, dtype)
        events["t_us"] = np.sort(rng.integers(0, 120_000, 1500))
        events["x"] = rng.integers(0, 6, 1500) + 6 * label
        events["y"], events["on"] = rng.integers(0, 12, 1500), rng.integers(0, 2, 1500)
        parts.append(events)
    path = tmp_path / "samples.npz"
    offsets = np.arange(0, 1500 * 41, 1500)
    np.savez(path, events=np.concatenate(parts), offsets=offsets, labels=labels)
    return path
