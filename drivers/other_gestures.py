"""Class 11: gestures that a simulated person invents, none of them one of the other ten."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from drivers.body import LEFT, RIGHT, SIDE
from drivers.subject import Subject

Floats = npt.NDArray[np.float64]
Path = Callable[[Floats, Floats], Floats]

KINDS: tuple[str, ...] = (
    "both arms overhead, crossing",
    "jumping jack",
    "punches",
    "figure of eight",
    "push away",
    "flapping",
    "both arms circling",
    "scissors",
    "hand to head",
    "swimming",
    "zigzag down",
    "bow and arrow",
)


def draw_other_gesture(
    subject: Subject, habit: np.random.Generator, rng: np.random.Generator
) -> tuple[Path, float, float]:
    """The path of a user's invented gesture, and the slowest and fastest it is made (Hz).

    Kind, size and place come from `habit` (one invention per user), small changes from `rng`.
    """
    kind = KINDS[int(habit.integers(len(KINDS)))]
    arm = RIGHT if habit.random() < 0.5 else LEFT
    size = habit.uniform(0.8, 1.2)
    shift = rng.normal(0.0, 0.015, size=(2, 3)) + habit.normal(0.0, 0.02, size=(2, 3))
    half = subject.half_shoulders_m
    hanging = 0.97 * (subject.upper_arm_m + subject.forearm_m)
    reach = subject.upper_arm_m + subject.forearm_m

    def path(phase: Floats, amplitude: Floats) -> Floats:
        a = size * amplitude
        s, c = np.sin(phase), np.cos(phase)
        # Outwards from the middle, down, forward: hanging arms, unless the gesture says more.
        out = np.full((phase.size, 2), half + 0.06)
        y = np.full_like(out, hanging)
        z = np.full_like(out, 0.08)
        if kind == "both arms overhead, crossing":
            out[:] = (0.12 + 0.22 * a * s)[:, None]
            y[:], z[:] = -0.4, 0.1
        elif kind == "jumping jack":
            angle = (0.5 + 0.5 * c) * 2.5 * np.minimum(a, 1.15)
            out[:] = (half + 0.95 * reach * np.sin(angle))[:, None]
            y[:] = (0.95 * reach * np.cos(angle))[:, None]
        elif kind == "punches":
            for index, turn in ((RIGHT, s), (LEFT, -s)):
                out[:, index] = 0.14 - 0.05 * turn
                y[:, index] = 0.06 - 0.1 * a * turn
                z[:, index] = 0.3 + 0.2 * a * turn
        elif kind == "figure of eight":
            out[:, arm] = half + 0.08 + 0.24 * a * s
            y[:, arm] = 0.02 + 0.16 * a * np.sin(2 * phase)
            z[:, arm] = 0.25
        elif kind == "push away":
            out[:] = (0.16 + 0.1 * a * c)[:, None]
            y[:] = (-0.02 + 0.14 * a * c)[:, None]
            z[:] = (0.3 - 0.15 * a * c)[:, None]
        elif kind == "flapping":
            out[:] = (half + 0.42 + 0.02 * s)[:, None]
            y[:], z[:] = (0.05 + 0.24 * a * s)[:, None], 0.1
        elif kind == "both arms circling":
            out[:] = (half + 0.14 + 0.2 * a * c)[:, None]
            y[:], z[:] = (0.2 * a * s)[:, None], 0.2
        elif kind == "scissors":
            out[:] = (0.08 + 0.2 * a * s)[:, None]
            y[:, RIGHT], y[:, LEFT], z[:] = 0.28, 0.38, 0.25
        elif kind == "hand to head":
            lift = 0.5 + 0.5 * c * np.minimum(a, 1.1)
            out[:, arm] = 0.12 + 0.16 * (1 - lift)
            y[:, arm] = -0.2 * lift + 0.4 * (1 - lift)
            z[:, arm] = 0.18
        elif kind == "swimming":
            for index, later in ((RIGHT, 0.0), (LEFT, np.pi)):
                out[:, index] = half
                y[:, index] = 0.02 + 0.34 * a * np.sin(phase + later)
                z[:, index] = 0.2 + 0.22 * a * np.cos(phase + later)
        elif kind == "zigzag down":
            fall = np.abs((phase / (6 * np.pi)) % 1.0 * 2 - 1)
            out[:, arm] = half + 0.05 + 0.2 * a * s
            y[:, arm] = -0.3 + 0.6 * fall
            z[:, arm] = 0.22
        else:  # bow and arrow: one arm stretched to its side, the other draws the string
            out[:, 1 - arm] = half + 0.45
            y[:, 1 - arm], z[:, 1 - arm] = 0.0, 0.1
            out[:, arm] = -0.05 + 0.22 * a * (0.5 + 0.5 * s)
            y[:, arm], z[:, arm] = 0.02, 0.25
        return np.stack([SIDE * out, y, z], axis=2) + shift

    return path, 0.8, 1.8
