"""The gestures of a set as a small task."""

from collections import Counter

import numpy as np
import pytest

from pipeline.experiments.simulated_gestures import one_in
from pipeline.trials import TrialFrames


@pytest.mark.parametrize("every", [2, 3, 4])
def test_one_in_so_many_is_of_every_class(every: int) -> None:
    """Though in each recording the same classes follow one another in the same order."""
    classes = [*range(1, 12), 8]
    trials = [
        TrialFrames(number, user, "led", np.zeros((1, 4), np.uint8), 4, 4)
        for user in range(24, 30)
        for number in classes
    ]
    chosen = one_in(every, trials)
    assert len(chosen) == len(trials) / every
    found = Counter(trial.gesture_class for trial in chosen)
    assert set(found) == set(classes)
    assert max(abs(found[each] - classes.count(each) * 6 / every) for each in found) < 1
    assert len({id(trial) for trial in chosen}) == len(chosen)
