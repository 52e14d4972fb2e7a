"""Small networks shared by the tests of the models room."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pytest
import torch

from models.settings import LayerSettings, NetworkSettings


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Torch with more threads than free cores is many times slower."""
    torch.set_num_threads(1)
    yield
    torch.set_flush_denormal(False)


@pytest.fixture
def tiny() -> NetworkSettings:
    """Three layers that take every path: pooled, not pooled, other kernel and padding."""
    return NetworkSettings(
        layers=(
            LayerSettings(channels=3, pool=2, kernel=3, padding=1),
            LayerSettings(channels=4, pool=1, kernel=3, padding=0),
            LayerSettings(channels=5, pool=2, kernel=3, padding=2),
        ),
        classes=4,
        height=10,
        width=9,
        gain=20.0,
        seed=3,
    )


RandomFrames = Callable[..., npt.NDArray[np.uint8]]


@pytest.fixture
def random_frames() -> RandomFrames:
    """A function that draws binary frames of a shape, the same at every call."""

    def draw(*shape: int, share: float = 0.2) -> npt.NDArray[np.uint8]:
        return (np.random.default_rng(7).random(shape) < share).astype(np.uint8)

    return draw


TwoKinds = Callable[[int, int], tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]]


@pytest.fixture
def two_kinds() -> TwoKinds:
    """A function that draws sequences for `tiny` by batch and steps, and their labels, 0 and 1:
    activity in the left half or in the right half.
    """

    def draw(batch: int, steps: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
        rng = np.random.default_rng(1)
        frames = np.zeros((steps, batch, 2, 10, 9), dtype=np.uint8)
        labels = np.arange(batch) % 2
        for stream, label in enumerate(labels):
            side = slice(0, 4) if label == 0 else slice(5, 9)
            frames[:, stream, :, :, side] = rng.random((steps, 2, 10, 4)) < 0.4
        return frames, labels

    return draw
