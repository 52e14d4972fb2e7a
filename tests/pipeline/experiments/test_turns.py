"""A turntable's turn is found in what it shows, and only where there is one."""

from collections.abc import Callable

import numpy as np

from pipeline.experiments.turns import turn_steps, was_shown
from pipeline.object_recordings import ObjectRecording

SIDE = 16
FRAMES = 20_000


def recording(angle_of: Callable[[int], float], seed: int = 0) -> ObjectRecording:
    """20 s of events around a spot that goes round the middle, between noise."""
    rng = np.random.default_rng(seed)
    frames = rng.random((FRAMES, 2, SIDE, SIDE)) < 0.002
    for number in range(FRAMES):
        angle = angle_of(number)
        row, column = round(7.5 + 6 * np.sin(angle)), round(7.5 + 6 * np.cos(angle))
        frames[number, :, row - 1 : row + 2, column - 1 : column + 2] |= (
            rng.random((2, 3, 3)) < 0.05
        )
    return ObjectRecording("spot", "spot", np.packbits(frames.reshape(FRAMES, -1), axis=1), SIDE)


def test_a_turn_is_as_long_as_views_take_to_come_again() -> None:
    """To within a map's length; recordings may begin anywhere in it."""
    turn = 13_000
    recordings = [
        recording(lambda number, first=first: first + 2 * np.pi * number / turn, seed)
        for seed, first in enumerate((0.0, 2.0))
    ]
    found = turn_steps(recordings)
    assert found is not None
    assert abs(found - turn) <= 200


def test_what_does_not_come_again_has_no_turn() -> None:
    """A quarter of a turn in all, noise alone, and recordings that are too short."""
    assert turn_steps([recording(lambda number: number / FRAMES * np.pi / 2)]) is None
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 256, (FRAMES, 2 * SIDE * SIDE // 8), np.uint8)
    assert turn_steps([ObjectRecording("noise", "noise", noise, SIDE)]) is None
    assert turn_steps([ObjectRecording("short", "short", noise[:9000], SIDE)]) is None
    assert turn_steps([]) is None


def test_a_piece_was_shown_where_all_its_views_were() -> None:
    """A turn later the same views come; the ends of a piece count."""
    shown = [
        was_shown(begin, 100, learnt_steps=1000, turn=3000)
        for begin in (0, 900, 901, 2950, 3000, 3900, 3901)
    ]
    assert shown == [True, True, False, False, True, True, False]
