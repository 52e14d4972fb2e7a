"""Minibatches for training: random crops of labelled gestures, varied a little."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from drivers.errors import InputError
from pipeline.binning import Frames
from pipeline.trials import TrialFrames


@dataclass(frozen=True, slots=True)
class CropSettings:
    """How minibatches are drawn."""

    batch: int = 32
    steps: int = 400
    """Length of a crop in frames of 1 ms."""
    shift_cells: int = 1
    """Crops are moved by up to this many cells each way. Never mirrored: left is not right."""
    drop_up_to: float = 0.0
    """Each crop loses a share of its active cells, drawn between 0 and this."""

    def __post_init__(self) -> None:
        checks = (
            ("batch", self.batch, 1 <= self.batch <= 4096, "1 to 4096"),
            ("steps", self.steps, 1 <= self.steps <= 100_000, "1 to 100000"),
            ("shift", self.shift_cells, 0 <= self.shift_cells <= 16, "0 to 16 cells"),
            ("share to drop", self.drop_up_to, 0.0 <= self.drop_up_to < 1.0, "0 to below 1"),
        )
        for what, got, good, allowed in checks:
            if not good:
                raise InputError(
                    what=f"crop {what}", got=str(got), allowed=allowed, todo="mend the setting"
                )


class CropSampler:
    """Draws minibatches; the same trials, settings and seed give the same minibatches."""

    def __init__(self, trials: Sequence[TrialFrames], settings: CropSettings, seed: int) -> None:
        if not trials:
            raise InputError(
                what="training set", got="no gestures", allowed="one or more", todo="add recordings"
            )
        self._trials = trials
        self._settings = settings
        self._rng = np.random.default_rng(seed)

    def draw(self) -> tuple[Frames, npt.NDArray[np.int64]]:
        """Frames (steps, batch, 2, rows, columns) and classes from 0, shape (batch,)."""
        chosen = self._rng.integers(0, len(self._trials), self._settings.batch)
        crops = [self._crop(self._trials[index]) for index in chosen]
        labels = np.array([self._trials[index].gesture_class - 1 for index in chosen])
        return np.stack(crops, axis=1), labels

    def _crop(self, trial: TrialFrames) -> Frames:
        settings = self._settings
        begin = int(self._rng.integers(0, max(trial.frames - settings.steps, 0) + 1))
        frames = trial.unpack(begin, settings.steps)
        if settings.shift_cells:
            down, right = self._rng.integers(
                -settings.shift_cells, settings.shift_cells + 1, size=2
            )
            frames = shifted(frames, int(down), int(right))
        if settings.drop_up_to:
            keep = 1.0 - settings.drop_up_to * self._rng.random()
            frames = frames * (self._rng.random(frames.shape, dtype=np.float32) < keep)
        return frames


def shifted(frames: Frames, down: int, right: int) -> Frames:
    """Frames moved by so many cells; what leaves them is lost, what comes in is silent."""
    rows, columns = frames.shape[-2:]
    moved = np.zeros_like(frames)
    moved[..., max(down, 0) : rows + min(down, 0), max(right, 0) : columns + min(right, 0)] = (
        frames[..., max(-down, 0) : rows + min(-down, 0), max(-right, 0) : columns + min(-right, 0)]
    )
    return moved
