"""The gestures of a set as a small task: users apart, few cells."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.experiments.tasks import Task, gestures_task
from pipeline.trials import TrialCache, TrialFrames, load_trials
from recordings.dvsgesture import read_gesture_set
from recordings.simulated_set import NOTICE_FILE

SIDE = 16
SELECTION_USERS = range(21, 24)
LEARNT_USERS = range(1, 21)
TEST_EVERY = 2
"""Of the gestures of a class by those who choose or test, one in so many is read."""


def coarse_gestures_task(folder: Path, cache: Path) -> Task:
    """Users 1 to 20 to learn from, 21 to 23 to choose by, the test users to test.

    What was cut is kept in `cache`.
    """
    gesture_set = read_gesture_set(folder)
    kept = TrialCache(cache)

    def trials(part: str, users: range | None) -> list[TrialFrames]:
        recordings = gesture_set.of("train" if part == "train" else "test", users)
        return load_trials(recordings, rows=SIDE, columns=SIDE, cache=kept)

    return gestures_task(
        trials("train", LEARNT_USERS),
        one_in(TEST_EVERY, trials("train", SELECTION_USERS)),
        one_in(TEST_EVERY, trials("test", None)),
        simulated=(folder / NOTICE_FILE).exists(),
    )


def one_in(every: int, trials: Sequence[TrialFrames]) -> list[TrialFrames]:
    """One in so many of each class, the classes one after the other.

    Gestures follow one another in the same order in every recording: one in so many of all of them
    would be of some classes only.
    """
    return sorted(trials, key=lambda trial: trial.gesture_class)[::every]
