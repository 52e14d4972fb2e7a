"""Performances by simulated people as frames, also of a twelfth gesture; all of it simulated."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from drivers.gestures import GESTURE_NAMES
from drivers.new_gestures import NEW_KINDS, perform_new
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
    """Each gesture (classes from 1) once, `seconds` long, in this order."""
    camera = SimulatedCamera(
        user, LIGHT, gestures, seconds, seed=_WORLD, session=session, packet_us=50_000
    )
    return _seen(camera, [GESTURE_NAMES[number - 1] for number in gestures], side)


def perform_twelfth(
    user: int, seconds: float, *, session: int, side: int, contested: bool
) -> Performed:
    """A gesture that the network has no class for, once.

    It is one that nobody showed it, or (`contested`) one that is another person's class 11, so
    that the network was trained to call it "other gestures".
    """
    camera = SimulatedCamera(
        user, LIGHT, [11], seconds, seed=_WORLD, session=session, packet_us=50_000
    )
    rng = np.random.default_rng([_WORLD, user, session, 12])
    performed = rehearse(camera.subject, [11], seconds, _other_world(user), rng)
    if not contested:
        habit = np.random.default_rng([_WORLD, user, 12])
        performed = perform_new(performed, twelfth_kind(user, contested=False), habit)
    camera.performance = performed
    return _seen(camera, [TWELFTH], side)[0]


def _seen(camera: SimulatedCamera, names: Sequence[str], side: int) -> list[Performed]:
    """What a network of `side` cells a side sees of each span of a session."""
    binner = FrameBinner(camera.sensor, centred_view(camera.sensor, side, side))
    frames = [
        pack_frame(frame)
        for packet in camera
        for chunk in binner.iter_push(packet)
        for frame in chunk
    ]
    return [
        Performed(name, frames[begin // FRAME_US : end // FRAME_US])
        for name, (_, begin, end) in zip(names, camera.spans, strict=True)
    ]


def as_clips(performances: Sequence[Performed]) -> list[Clip]:
    """The first second of each, as what is brought along."""
    return [Clip(one.class_name, 0, np.stack(one.bits[:CLIP_FRAMES])) for one in performances]


def kind_of(user: int, world: int = _WORLD) -> str:
    """What a person's own invention, class 11, is."""
    habit = np.random.default_rng([world, user, 1, 11])
    return KINDS[int(habit.integers(len(KINDS)))]


def twelfth_kind(user: int, *, contested: bool) -> str:
    """What the twelfth gesture of a person is; `contested` as in `perform_twelfth`.

    New ones go round by fives: as many newcomers are looked at for a seed, so that seeds differ.
    """
    if contested:
        return kind_of(user, _other_world(user))
    return NEW_KINDS[user // 5 % len(NEW_KINDS)]


def _other_world(user: int) -> int:
    return next(world for world in range(1, 100) if kind_of(user, world) != kind_of(user))
