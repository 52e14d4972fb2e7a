"""Minibatches for training: random crops of labelled gestures, varied a little."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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


@dataclass(frozen=True, slots=True)
class Crop:
    """Which part of which gesture, and what becomes of it."""

    trial: int
    """Its place among the gestures."""
    begin: int
    """First frame."""
    down: int
    right: int
    """Cells that it is moved by."""
    drop: float
    """Share of its active cells that it loses."""
    seed: int
    """Of which cells these are."""


class CropSampler:
    """Decides on minibatches; the same trials, settings and seed give the same ones.

    Deciding is cheap and goes in order, cutting is neither: any process may do it (`cut_crops`).
    """

    def __init__(self, trials: Sequence[TrialFrames], settings: CropSettings, seed: int) -> None:
        if not trials:
            raise InputError(
                what="training set", got="no gestures", allowed="one or more", todo="add recordings"
            )
        self._lengths = [trial.frames for trial in trials]
        self._settings = settings
        self._rng = np.random.default_rng(seed)

    def plan(self) -> tuple[Crop, ...]:
        """The crops of the next minibatch.

        Each lies inside its gesture; one that is shorter than a crop is taken from its beginning.
        """
        chosen = self._rng.integers(0, len(self._lengths), self._settings.batch)
        return tuple(self._crop(int(index)) for index in chosen)

    def state(self) -> dict[str, Any]:
        """The random generator, as JSON values."""
        return dict(self._rng.bit_generator.state)

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        self._rng.bit_generator.state = state

    def _crop(self, index: int) -> Crop:
        settings = self._settings
        last = max(self._lengths[index] - settings.steps, 0)
        begin = int(self._rng.integers(0, last + 1))
        down, right, drop, seed = 0, 0, 0.0, 0
        if settings.shift_cells:
            moved = self._rng.integers(-settings.shift_cells, settings.shift_cells + 1, size=2)
            down, right = (int(cells) for cells in moved)
        if settings.drop_up_to:
            drop = settings.drop_up_to * self._rng.random()
            seed = int(self._rng.integers(0, 2**63))
        return Crop(index, begin, down, right, drop, seed)


def cut_crops(
    trials: Sequence[TrialFrames], plan: Sequence[Crop], steps: int
) -> tuple[Frames, npt.NDArray[np.int64]]:
    """A minibatch: frames (steps, batch, 2, rows, columns) and classes from 0, shape (batch,).

    Silence follows a gesture that is shorter than `steps`.
    """
    labels = np.array([trials[crop.trial].gesture_class - 1 for crop in plan])
    return np.stack([_cut(trials[crop.trial], crop, steps) for crop in plan], axis=1), labels


def _cut(trial: TrialFrames, crop: Crop, steps: int) -> Frames:
    frames = trial.unpack(crop.begin, steps)
    if crop.down or crop.right:
        frames = shifted(frames, crop.down, crop.right)
    if crop.drop:
        kept = np.random.default_rng(crop.seed).random(frames.shape, dtype=np.float32)
        frames = frames * (kept < 1.0 - crop.drop)
    return frames


def shifted(frames: Frames, down: int, right: int) -> Frames:
    """Frames moved by so many cells; what leaves them is lost, what comes in is silent."""
    rows, columns = frames.shape[-2:]
    moved = np.zeros_like(frames)
    moved[..., max(down, 0) : rows + min(down, 0), max(right, 0) : columns + min(right, 0)] = (
        frames[..., max(-down, 0) : rows + min(-down, 0), max(-right, 0) : columns + min(-right, 0)]
    )
    return moved
