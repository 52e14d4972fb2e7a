"""A simulated session: gestures one after another, with rests between, as poses of the body."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from drivers.errors import InputError
from drivers.gesture_motion import Motion, draw_motion, rest_pose
from drivers.gestures import GESTURE_NAMES
from drivers.subject import Subject

Floats = npt.NDArray[np.float64]

LabelledSpan = tuple[int, int, int]
"""Class (from 1), begin and end in microseconds, half-open."""

_RAISE_US = 350_000
"""Arms are raised and lowered for so long before and after each gesture, unlabelled."""


@dataclass(frozen=True, slots=True)
class Performance:
    """Everything that the body does from 0 to `duration_us`."""

    subject: Subject
    motions: tuple[Motion, ...]
    spans: tuple[LabelledSpan, ...]
    duration_us: int
    sway_waves: Floats
    """shape (3, 4, 3): for trunk x, trunk y, head x, four waves of (strength m, rad/s, phase)."""

    def pose(self, t_us: Floats) -> tuple[Floats, Floats, Floats]:
        """Wrists (n, 2, 3), elbow hints (n, 2, 3) and sway (n, 3) at the times `t_us` (n,)."""
        rest, rest_hint = rest_pose(self.subject)
        wrists = np.repeat(rest[None], t_us.size, axis=0)
        hints = np.repeat(rest_hint[None], t_us.size, axis=0)
        for motion, (_, begin_us, end_us) in zip(self.motions, self.spans, strict=True):
            rise = (t_us - (begin_us - _RAISE_US)) / _RAISE_US
            fall = ((end_us + _RAISE_US) - t_us) / _RAISE_US
            part = np.clip(np.minimum(rise, fall), 0.0, 1.0)
            here = part > 0.0
            if not here.any():
                continue
            weight = (part * part * (3 - 2 * part))[here, None, None]
            moved = motion.wrists((t_us[here] - begin_us) * 1e-6)
            wrists[here] += weight * (moved - wrists[here])
            hints[here] += weight * (motion.elbow_hint - hints[here])
        t_s = 1e-6 * t_us[:, None, None]
        strength, speed, begin = np.moveaxis(self.sway_waves, 2, 0)
        sway = (strength * np.sin(speed * t_s + begin)).sum(axis=2)
        # The trunk gives way a little to the arms: a hand that moves out pulls it along.
        sway[:, 0] += 0.012 * (wrists[:, :, 0] - rest[:, 0]).sum(axis=1)
        sway[:, 1] += 0.006 * (wrists[:, :, 1] - rest[:, 1]).sum(axis=1)
        return wrists, hints, sway


def rehearse(
    subject: Subject,
    gestures: Sequence[int],
    seconds: float | tuple[float, float],
    seed: int,
    rng: np.random.Generator,
) -> Performance:
    """A performance of the classes in `gestures`, in that order, rests before, between, after.

    `seconds`: length of each gesture, or the range from which each length is drawn. The second
    arm roll in a session turns the other way round. Raises `InputError` for no gestures, a
    class that is none of the eleven, or a length that is not above 0.
    """
    shortest, longest = (seconds, seconds) if isinstance(seconds, int | float) else seconds
    if not 0.05 <= shortest <= longest <= 3600:
        raise InputError(
            what="seconds per gesture",
            got=str(seconds),
            allowed="0.05 to 3600",
            todo="choose how long each gesture is performed",
        )
    if not gestures:
        raise InputError(
            what="gestures to perform", got="none", allowed="one or more", todo="name some"
        )
    motions, spans = [], []
    now_us = 0
    rolls = 0
    for gesture in gestures:
        if not 1 <= gesture <= len(GESTURE_NAMES):
            raise InputError(
                what="gesture class",
                got=str(gesture),
                allowed=f"1 to {len(GESTURE_NAMES)}",
                todo="choose one of these",
            )
        rolls += gesture == 8
        motions.append(draw_motion(gesture, subject, seed, rng, turn=1 if rolls % 2 else -1))
        begin_us = now_us + _RAISE_US + int(rng.integers(50_000, 250_000))
        end_us = begin_us + round(1e6 * rng.uniform(shortest, longest))
        spans.append((gesture, begin_us, end_us))
        now_us = end_us + _RAISE_US
    waves = np.empty((3, 4, 3))
    waves[:, :, 0] = subject.sway_m * rng.uniform(0.1, 1.0, (3, 4)) * [[1.0], [0.4], [1.2]]
    waves[:, :, 1] = 2 * np.pi * rng.uniform(0.1, 0.7, size=(3, 4))
    waves[:, :, 2] = rng.uniform(0.0, 2 * np.pi, size=(3, 4))
    return Performance(subject, tuple(motions), tuple(spans), now_us + 100_000, waves)
