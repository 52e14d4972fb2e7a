"""Minibatches for training: random crops of labelled gestures, varied a little."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from drivers.errors import InputError
from models.learning_settings import LONGEST_CROP_MS
from pipeline.binning import Frames
from pipeline.symmetry import Counterparts, backward_classes, mirrored_classes
from pipeline.trials import LabelledFrames
from pipeline.variation import (
    Change,
    Variation,
    changed,
    draw_change,
    draw_speed,
    frames_read,
)


@dataclass(frozen=True, slots=True)
class CropSettings(Variation):
    """How minibatches are drawn, and how far their crops are varied."""

    shift_cells: int = 1
    batch: int = 32
    steps: int = 400
    """Length of a crop in frames of 1 ms."""
    mirror: bool = False
    """Half of the crops are seen in a mirror, as the class that they are there: see `symmetry`."""
    backwards: bool = False
    """Half of the crops are played backwards, as the class that they are then."""

    def __post_init__(self) -> None:
        Variation.__post_init__(self)
        checks = (
            ("batch", self.batch, 1 <= self.batch <= 4096, "1 to 4096"),
            (
                "steps",
                self.steps,
                1 <= self.steps <= LONGEST_CROP_MS,
                f"1 to {LONGEST_CROP_MS}",
            ),
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
    speed: float
    """How many times as fast it is read."""
    change: Change
    gesture_class: int
    """Counted from 1; of a mirrored one, what it is in the mirror."""


class CropSampler:
    """Decides on minibatches; the same trials, settings and seed give the same ones.

    Deciding is cheap and goes in order, cutting is neither: any process may do it (`cut_crops`).
    """

    def __init__(
        self,
        trials: Sequence[LabelledFrames],
        settings: CropSettings,
        seed: int,
        class_names: Sequence[str] = (),
    ) -> None:
        """Only classes with names that say what they become are mirrored or played backwards."""
        if not trials:
            raise InputError(
                what="training set", got="no gestures", allowed="one or more", todo="add recordings"
            )
        self._lengths = [trial.frames for trial in trials]
        self._classes = [trial.gesture_class for trial in trials]
        self._mirrored = mirrored_classes(class_names) if settings.mirror else ()
        self._backward = backward_classes(class_names) if settings.backwards else ()
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
        speed = draw_speed(settings, self._rng)
        last = max(self._lengths[index] - frames_read(settings.steps, speed), 0)
        begin = int(self._rng.integers(0, last + 1))
        change = draw_change(settings, self._rng)
        mirrored, gesture_class = self._become(self._mirrored, self._classes[index])
        backwards, gesture_class = self._become(self._backward, gesture_class)
        change = replace(change, mirrored=mirrored, backwards=backwards)
        return Crop(index, begin, speed, change, gesture_class)

    def _become(self, counterparts: Counterparts, gesture_class: int) -> tuple[bool, int]:
        """Whether a crop of this class becomes its counterpart, every other time, and its class."""
        if not any(counterparts) or self._rng.random() < 0.5:
            return False, gesture_class
        other = counterparts[gesture_class - 1]
        return other is not None, other or gesture_class


def cut_crops(
    trials: Sequence[LabelledFrames], plan: Sequence[Crop], steps: int
) -> tuple[Frames, npt.NDArray[np.int64]]:
    """A minibatch: frames (steps, batch, 2, rows, columns) and classes from 0, shape (batch,).

    Silence follows a gesture that is shorter than `steps`.
    """
    labels = np.array([crop.gesture_class - 1 for crop in plan])
    return np.stack([_cut(trials[crop.trial], crop, steps) for crop in plan], axis=1), labels


def _cut(trial: LabelledFrames, crop: Crop, steps: int) -> Frames:
    count = frames_read(steps, crop.speed)
    if crop.change.backwards:
        # From its last frame on, not from the silence after it.
        count = min(count, max(trial.frames - crop.begin, 0))
    frames = trial.unpack(crop.begin, count)
    return changed(frames, crop.change, steps=steps, speed=crop.speed, counts=trial.counts)
