"""How long a turntable takes for a turn, and so which views of an object were seen before."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.object_recordings import ObjectRecording

MAP_STEPS = 200
"""Frames whose events are added up to one map."""
LEAST_MAPS = 50
"""In a turn: 10 s. Maps that are nearer to each other are alike without a turn between them."""
LEAST_PAIRS = 10
"""Maps that must lie a turn before others: 2 s."""
LEAST_CORRELATION = 0.2
"""Less is noise."""


def turn_steps(recordings: Sequence[ObjectRecording]) -> int | None:
    """Frames after which the views of all recordings come again.

    The lag at which maps of events correlate best, mean over the recordings. None where they are
    too short, or where that is little: less than half of how a map correlates with the next one.
    """
    correlations = [_correlations(recording) for recording in recordings]
    lags = min((len(found) for found in correlations), default=0) - LEAST_PAIRS
    if lags <= LEAST_MAPS:
        return None
    by_lag = [
        float(np.mean([np.diag(found, lag).mean() for found in correlations]))
        for lag in range(lags)
    ]
    turn = LEAST_MAPS + int(np.argmax(by_lag[LEAST_MAPS:]))
    alike = by_lag[turn] >= max(by_lag[1] / 2, LEAST_CORRELATION)
    return turn * MAP_STEPS if alike else None


def was_shown(begin: int, steps: int, *, learnt_steps: int, turn: int) -> bool:
    """Whether all views in frames `[begin, begin + steps)` were among the first `learnt_steps`."""
    return begin % turn + steps <= learnt_steps


def _correlations(recording: ObjectRecording) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Of every map with every other, shape (maps, maps); without what all of them show."""
    begins = range(0, len(recording.bits) - MAP_STEPS + 1, MAP_STEPS)
    counts = [recording.frames(at, at + MAP_STEPS).sum(0, dtype=float).ravel() for at in begins]
    if not counts:
        return np.zeros((0, 0))
    maps = np.sqrt(np.stack(counts))  # evens out what noise adds to few events and to many
    maps -= maps.mean(0)
    maps /= np.linalg.norm(maps, axis=1, keepdims=True).clip(1e-12)
    found: np.ndarray[tuple[int, int], np.dtype[np.float64]] = maps @ maps.T
    return found
