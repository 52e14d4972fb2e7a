"""Gestures that no class has, nor any simulated person's class 11: to be taught as new ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from drivers.body import SIDE
from drivers.gesture_motion import Motion
from drivers.performance import Performance
from drivers.subject import Subject

Floats = npt.NDArray[np.float64]

NEW_KINDS = ("pulling a rope", "patting the thighs", "reaching up")


def perform_new(performance: Performance, kind: str, habit: np.random.Generator) -> Performance:
    """The same person, spans and sway, with every gesture a performance of this kind.

    Size and place come from `habit`, which is one for all of a person's performances; tempo,
    irregularity and the changes from one to the next are those of the motions given.
    """
    size, shift = habit.uniform(0.85, 1.15), habit.normal(0.0, 0.02, size=(2, 3))
    motions = tuple(
        _moved(motion, performance.subject, kind, size, shift) for motion in performance.motions
    )
    return replace(performance, motions=motions)


def _moved(motion: Motion, subject: Subject, kind: str, size: float, shift: Floats) -> Motion:
    half = subject.half_shoulders_m

    def path(phase: Floats, amplitude: Floats) -> Floats:
        a, s = size * amplitude, np.sin(phase)
        # Outwards from the middle, down from the shoulders, forward; in metres.
        out = np.full((phase.size, 2), half)
        y, z = np.zeros_like(out), np.full_like(out, 0.2)
        if kind == "pulling a rope":  # hand over hand, from above the head to the belly
            out[:] = 0.04
            y[:, 0], y[:, 1] = -0.06 + 0.34 * a * s, -0.06 - 0.34 * a * s
        elif kind == "patting the thighs":
            out[:] = 0.14
            y[:] = (0.46 + 0.09 * a * s)[:, None]
            z[:] = 0.15
        else:  # reaching up: both arms, from the shoulders to as high as they go
            out[:] = 0.2
            y[:] = (-0.32 + 0.24 * a * s)[:, None]
            z[:] = 0.1
        return np.stack([SIDE * out, y, z], axis=2) + shift

    return replace(motion, path=path)
