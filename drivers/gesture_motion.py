"""How the arms of the simulated person move: the eleven gestures as paths of the two wrists.

Directions of turning are as the camera sees them: a clockwise arm turns clockwise in the picture.
Lengths in metres in the body's axes (see `drivers.body`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from drivers.body import LEFT, RIGHT, SIDE
from drivers.other_gestures import draw_other_gesture
from drivers.subject import Subject

Floats = npt.NDArray[np.float64]
Path = Callable[[Floats, Floats], Floats]
"""Phase (n,) in radians and amplitude (n,) around 1 to wrists (n, 2, 3) in metres."""


@dataclass(frozen=True, slots=True)
class Motion:
    """One performance of one gesture."""

    path: Path
    frequency_hz: float
    amplitude: float
    start_phase_rad: float
    wander: Floats
    """shape (2, 3, 3): for phase and amplitude, three waves of (strength, rad/s, phase)."""
    elbow_hint: Floats
    """shape (2, 3): towards which each elbow points."""

    def wrists(self, t_s: Floats) -> Floats:
        """Wrists (n, 2, 3) at the times `t_s` (n,) since the gesture's start."""
        drift, swell = (
            sum(strength * np.sin(speed * t_s + begin) for strength, speed, begin in waves)
            for waves in self.wander
        )
        phase = self.start_phase_rad + 2 * np.pi * self.frequency_hz * t_s + drift
        return self.path(phase, self.amplitude * (1.0 + swell))


def rest_pose(subject: Subject) -> tuple[Floats, Floats]:
    """Wrists (2, 3) and elbow hints (2, 3) of hanging arms."""
    wrists = np.zeros((2, 3))
    wrists[:, 0] = SIDE * (subject.half_shoulders_m + 0.06)
    wrists[:, 1] = 0.97 * (subject.upper_arm_m + subject.forearm_m)
    wrists[:, 2] = 0.08
    return wrists, _hint(0.6, 0.2, -1.0)


def draw_motion(
    gesture_class: int,
    subject: Subject,
    seed: int,
    rng: np.random.Generator,
    turn: int = 1,
) -> Motion:
    """One performance of class 1 to 11 by a subject.

    What is typical of the subject comes from `seed`, what differs from trial to trial from
    `rng`. `turn` (1 or -1) is the direction in which forearms roll in an arm roll.
    """
    habit = np.random.default_rng([seed, subject.user, 1, gesture_class])
    arm = {2: RIGHT, 3: LEFT, 4: RIGHT, 5: RIGHT, 6: LEFT, 7: LEFT}.get(gesture_class, RIGHT)
    hint = _hint(subject.elbow_out, 1.0, -0.3)
    if gesture_class == 1:
        path, slowest, fastest = _clap(habit, rng), 1.2, 2.6
    elif gesture_class in (2, 3):
        path, slowest, fastest = _wave(subject, arm, habit, rng), 1.2, 2.6
    elif gesture_class in (4, 5, 6, 7):
        direction = 1 if gesture_class in (4, 6) else -1
        path, slowest, fastest = _circle(subject, arm, direction, habit, rng), 0.8, 1.6
    elif gesture_class == 8:
        path, slowest, fastest = _roll(turn, habit, rng), 1.1, 2.3
        hint = _hint(max(0.7, 1.5 * subject.elbow_out), 0.7, -0.1)
    elif gesture_class == 9:
        path, slowest, fastest = _drums(habit, rng), 1.4, 3.0
    elif gesture_class == 10:
        path, slowest, fastest = _guitar(subject, habit, rng), 1.5, 3.2
    else:
        path, slowest, fastest = draw_other_gesture(subject, habit, rng)
    frequency = habit.uniform(slowest, fastest) * subject.tempo * np.exp(rng.normal(0.0, 0.08))
    wander = np.empty((2, 3, 3))
    wander[:, :, 0] = subject.irregularity * rng.uniform(0.0, [[0.35], [0.1]], size=(2, 3))
    wander[:, :, 1] = 2 * np.pi * rng.uniform(0.15, 0.9, size=(2, 3))
    wander[:, :, 2] = rng.uniform(0.0, 2 * np.pi, size=(2, 3))
    return Motion(
        path=path,
        frequency_hz=float(frequency),
        amplitude=float(subject.vigour * np.exp(rng.normal(0.0, 0.07))),
        start_phase_rad=float(rng.uniform(0.0, 2 * np.pi)),
        wander=wander,
        elbow_hint=hint + rng.normal(0.0, 0.05, size=(2, 3)),
    )


def _hint(out: float, down: float, forward: float) -> Floats:
    return np.array([[side * out, down, forward] for side in SIDE])


def _still(count: int, subject: Subject) -> Floats:
    return np.repeat(rest_pose(subject)[0][None], count, axis=0)


def _clap(habit: np.random.Generator, rng: np.random.Generator) -> Path:
    """Both hands before the chest, apart and together; quick to close, slower to open."""
    open_m = habit.uniform(0.1, 0.2)
    y, z = habit.uniform(0.08, 0.26) + rng.normal(0.0, 0.015), habit.uniform(0.25, 0.36)
    lift = habit.uniform(0.0, 0.06)

    def path(phase: Floats, amplitude: Floats) -> Floats:
        apart = 0.5 - 0.5 * np.cos(phase + 0.5 * np.sin(phase))
        wrists = np.empty((phase.size, 2, 3))
        wrists[:, :, 0] = SIDE * (0.045 + (open_m * amplitude * apart)[:, None])
        wrists[:, :, 1] = y - (lift * apart)[:, None]
        wrists[:, :, 2] = z
        return wrists

    return path


def _wave(subject: Subject, arm: int, habit: np.random.Generator, rng: np.random.Generator) -> Path:
    """A raised forearm swings from side to side about its elbow; the other arm hangs."""
    swing = habit.uniform(0.4, 0.7)
    lean = habit.uniform(-0.05, 0.35) + rng.normal(0.0, 0.05)
    elbow_x = subject.half_shoulders_m + habit.uniform(0.04, 0.16)
    elbow_y, z = habit.uniform(0.08, 0.24), habit.uniform(0.1, 0.25)

    def path(phase: Floats, amplitude: Floats) -> Floats:
        angle = lean + swing * amplitude * np.sin(phase)
        wrists = _still(phase.size, subject)
        wrists[:, arm, 0] = SIDE[arm] * (elbow_x + subject.forearm_m * np.sin(angle))
        wrists[:, arm, 1] = elbow_y - subject.forearm_m * np.cos(angle)
        wrists[:, arm, 2] = z
        return wrists

    return path


def _circle(
    subject: Subject,
    arm: int,
    direction: int,
    habit: np.random.Generator,
    rng: np.random.Generator,
) -> Path:
    """A hand draws circles beside the shoulder; `direction` 1 is clockwise in the picture."""
    radius = habit.uniform(0.16, 0.26)
    x = subject.half_shoulders_m + habit.uniform(0.06, 0.16) + rng.normal(0.0, 0.015)
    y, z = habit.uniform(-0.1, 0.12) + rng.normal(0.0, 0.015), habit.uniform(0.15, 0.3)
    squash = habit.uniform(0.8, 1.15)
    tilt = subject.plane_tilt_rad + rng.normal(0.0, 0.08)

    def path(phase: Floats, amplitude: Floats) -> Floats:
        turn = direction * phase
        wide = radius * amplitude * np.cos(turn)
        wrists = _still(phase.size, subject)
        wrists[:, arm, 0] = SIDE[arm] * x + wide * np.cos(tilt)
        wrists[:, arm, 1] = y + radius * squash * amplitude * np.sin(turn)
        wrists[:, arm, 2] = z + wide * np.sin(tilt)
        return wrists

    return path


def _roll(turn: int, habit: np.random.Generator, rng: np.random.Generator) -> Path:
    """Level forearms before the chest roll around each other, seen from their side."""
    radius = habit.uniform(0.07, 0.12)
    x = habit.uniform(-0.1, 0.0)
    y, z = habit.uniform(0.12, 0.26) + rng.normal(0.0, 0.015), habit.uniform(0.24, 0.34)

    def path(phase: Floats, amplitude: Floats) -> Floats:
        wrists = np.empty((phase.size, 2, 3))
        for arm, half in ((RIGHT, 0.0), (LEFT, np.pi)):
            wrists[:, arm, 0] = SIDE[arm] * x
            wrists[:, arm, 1] = y + radius * amplitude * np.sin(turn * phase + half)
            wrists[:, arm, 2] = z + radius * amplitude * np.cos(turn * phase + half)
        return wrists

    return path


def _drums(habit: np.random.Generator, rng: np.random.Generator) -> Path:
    """Both hands beat in turn: quick down, slower up."""
    x = habit.uniform(0.12, 0.24)
    beat = habit.uniform(0.07, 0.13)
    y, z = habit.uniform(0.16, 0.28) + rng.normal(0.0, 0.015), habit.uniform(0.22, 0.34)
    inwards = habit.uniform(-0.03, 0.03)

    def path(phase: Floats, amplitude: Floats) -> Floats:
        wrists = np.empty((phase.size, 2, 3))
        for arm, half in ((RIGHT, 0.0), (LEFT, np.pi)):
            turn = phase + half
            height = np.cos(turn + 0.4 * np.sin(turn)) * amplitude
            wrists[:, arm, 0] = SIDE[arm] * (x + inwards * height)
            wrists[:, arm, 1] = y - beat * height
            wrists[:, arm, 2] = z
        return wrists

    return path


def _guitar(subject: Subject, habit: np.random.Generator, rng: np.random.Generator) -> Path:
    """One hand strums before the belly, the other is held out at the neck and slides a little."""
    strums, frets = (LEFT, RIGHT) if subject.left_handed else (RIGHT, LEFT)
    stroke, slide = habit.uniform(0.06, 0.12), habit.uniform(0.0, 0.03)
    belly_x, belly_y = habit.uniform(-0.02, 0.1), habit.uniform(0.26, 0.36)
    neck_x, neck_y = habit.uniform(0.34, 0.46), habit.uniform(0.02, 0.18)
    slant = habit.uniform(0.1, 0.5)
    offset = rng.normal(0.0, 0.015, size=3)

    def path(phase: Floats, amplitude: Floats) -> Floats:
        stroke_now = stroke * amplitude * np.sin(phase)
        slide_now = slide * amplitude * np.sin(0.31 * phase)
        wrists = np.empty((phase.size, 2, 3))
        wrists[:, strums, 0] = SIDE[strums] * (belly_x - slant * stroke_now) + offset[0]
        wrists[:, strums, 1] = belly_y + stroke_now + offset[1]
        wrists[:, strums, 2] = 0.24
        wrists[:, frets, 0] = SIDE[frets] * (neck_x + slide_now)
        wrists[:, frets, 1] = neck_y - 0.4 * slide_now + offset[2]
        wrists[:, frets, 2] = 0.22
        return wrists

    return path
