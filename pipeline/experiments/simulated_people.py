"""Performances by simulated people as frames, also of a twelfth gesture; all of it simulated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from drivers.gestures import GESTURE_NAMES
from drivers.other_gestures import KINDS
from drivers.performance import rehearse
from drivers.simulated_camera import SimulatedCamera
from pipeline.binning import FrameBinner, centred_view
from pipeline.clips import CLIP_FRAMES, Clip, pack_frame
from pipeline.decisions import FRAME_US
from pipeline.experiments.taught_network import Performed

TWELFTH = "twelfth gesture"
LIGHT = "led"
_WORLD = 0
"""Seed of the simulated set: people are those that `wigwag simulate` shows."""


def perform(
    user: int, gestures: Sequence[int], seconds: float, *, session: int, side: int
) -> list[Performed]:
    """Each gesture (classes from 1; 12 is the twelfth) once, `seconds` long, in this order."""
    camera = SimulatedCamera(
        user, LIGHT, [min(number, 11) for number in gestures], seconds,
        seed=_WORLD, session=session, packet_us=50_000,
    )  # fmt: skip
    if 12 in gestures:
        rng = np.random.default_rng([_WORLD, user, session, 12])
        camera.performance = rehearse(
            camera.subject, [11] * len(gestures), seconds, _other_world(user), rng
        )
    binner = FrameBinner(camera.sensor, centred_view(camera.sensor, side, side))
    frames = [
        pack_frame(frame)
        for packet in camera
        for chunk in binner.iter_push(packet)
        for frame in chunk
    ]
    names = (*GESTURE_NAMES, TWELFTH)
    return [
        Performed(names[number - 1], frames[begin // FRAME_US : end // FRAME_US])
        for number, (_, begin, end) in zip(gestures, camera.spans, strict=True)
    ]


def as_clips(performances: Sequence[Performed]) -> list[Clip]:
    """The first second of each, as what is brought along."""
    return [Clip(one.class_name, 0, np.stack(one.bits[:CLIP_FRAMES])) for one in performances]


def kind_of(user: int, world: int = _WORLD) -> str:
    """What a person's own invention, class 11, is."""
    habit = np.random.default_rng([world, user, 1, 11])
    return KINDS[int(habit.integers(len(KINDS)))]


def twelfth_kind(user: int) -> str:
    """What the twelfth gesture of a person is: another than the person's class 11."""
    return kind_of(user, _other_world(user))


def _other_world(user: int) -> int:
    return next(world for world in range(1, 100) if kind_of(user, world) != kind_of(user))
