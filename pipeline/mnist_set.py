"""MNIST's digits as trials: Poisson spike trains, which are drawn when they are read.

Kept as frames, 60,000 of them would take 1.9 GB at 16 x 16 cells, and 7.7 GB at 32 x 32.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from drivers.errors import InputError
from pipeline.binning import Frames
from pipeline.idx_files import Digits, read_digits
from pipeline.poisson import poisson_frames
from pipeline.real_data import find
from pipeline.real_sets import full_name, refuse_users
from pipeline.trials import TrialCache
from recordings.dvsgesture import Split

TRAIN_MS = 500
HIGHEST_RATE_HZ = 50.0
_FILES: dict[Split, str] = {"train": "train", "test": "t10k"}
_SEEDS: dict[Split, int] = {"train": 0, "test": 1}
"""With a digit's place in its part, of its spike train."""


@dataclass(frozen=True, slots=True)
class DigitTrial:
    """See `pipeline.trials.LabelledFrames`; a digit has the same spike train whenever it is read.

    Spikes are ON events, and OFF is silent. A cell has one a frame at most, so that they are the
    same whether they are counted or not.
    """

    gesture_class: int
    image: npt.NDArray[np.uint8]
    """shape (rows, columns)."""
    seed: tuple[int, int]
    user: int = 0
    light: str = ""
    frames: int = TRAIN_MS
    counts: bool = False

    def unpack(self, begin: int, count: int) -> Frames:
        """See `pipeline.trials.LabelledFrames.unpack`."""
        frames = np.zeros((count, 2, *self.image.shape), np.uint8)
        end = min(begin + count, self.frames)
        if begin < end:
            # From the beginning: what is drawn later depends on what was drawn before.
            rng = np.random.default_rng(self.seed)
            drawn = poisson_frames(self.image[None], end, HIGHEST_RATE_HZ, rng)
            frames[: end - begin, 0] = drawn[begin:, 0, 0]
        return frames


class MnistSet:
    """See `pipeline.datasets.Dataset`; the parts are MNIST's own."""

    class_names = tuple(map(str, range(10)))
    simulated = False
    judged_ms = TRAIN_MS

    def __init__(self, name: str, _cache: TrialCache) -> None:
        """`name` is the folder of the idx files; without one it is looked for: `real_data.find`.

        Nothing is cached. Raises `InputError` for files that are absent, damaged or not of digits.
        """
        self.name = full_name("mnist", name)
        folder = find(Path(name) if name else None, "mnist")
        self._parts = {part: read_digits(folder, file) for part, file in _FILES.items()}
        for part, digits in self._parts.items():
            self._refuse_others(part, digits)
        self.found = tuple(
            f"to {part}: {len(digits.classes):,} digits, Poisson spike trains of {TRAIN_MS} ms, "
            f"0 to {HIGHEST_RATE_HZ:.0f} Hz"
            for part, digits in self._parts.items()
        )

    def trials(
        self,
        part: Split,
        *,
        rows: int,
        columns: int,
        counts: bool = False,
        users: Collection[int] | None = None,
        reading: Callable[[int, int], None] | None = None,
    ) -> list[DigitTrial]:
        """See `pipeline.datasets.Dataset.trials`."""
        refuse_users(self.name, users)
        digits = self._parts[part]
        count = len(digits.classes)
        if reading is not None:
            reading(count, count)
        return [
            DigitTrial(
                int(digit) + 1, fitted(image, rows, columns), (_SEEDS[part], number), counts=counts
            )
            for number, (digit, image) in enumerate(zip(digits.classes, digits.images, strict=True))
        ]

    def _refuse_others(self, part: Split, digits: Digits) -> None:
        highest = int(digits.classes.max(initial=0))
        if not digits.images.size or highest >= len(self.class_names):
            raise InputError(
                what=f"data set {self.name}, to {part}",
                got=f"images of shape {digits.images.shape}, classes up to {highest}",
                allowed=f"images of the digits 0 to {len(self.class_names) - 1}",
                todo="name the folder of MNIST's files",
            )


def fitted(image: npt.NDArray[np.uint8], rows: int, columns: int) -> npt.NDArray[np.uint8]:
    """An image in the middle of a grid of cells; a cell has the mean brightness of its pixels.

    It is made smaller where the grid is, and never larger: what is beside it is dark.
    """
    height, width = image.shape
    scale = min(rows / height, columns / width, 1.0)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    small = image if scale == 1.0 else cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    grid = np.zeros((rows, columns), np.uint8)
    top, left = (rows - size[1]) // 2, (columns - size[0]) // 2
    grid[top : top + size[1], left : left + size[0]] = small
    return grid
