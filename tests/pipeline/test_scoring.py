import numpy as np

from models.settings import LayerSettings, NetworkSettings
from pipeline.scoring import TrialVotes, layer_accuracies
from recordings.labels import GestureInterval

NAMES = ("a", "b", "c")
TWO_LAYERS = NetworkSettings(layers=(LayerSettings(1, pool=1),) * 2, classes=3, height=8, width=8)


def _push(trials: TrialVotes, begin_us: int, end_us: int, votes: tuple[int, int]) -> None:
    for t_us in range(begin_us, end_us, 1000):
        trials.push(t_us, np.array(votes))


def test_votes_count_from_the_burn_in_to_1800_ms() -> None:
    """A long gesture is judged by the frames from 50 ms to 1,800 ms after its begin."""
    trials = TrialVotes([GestureInterval(1_000_000, 5_000_000, 2)], TWO_LAYERS)
    _push(trials, 0, 1_050_000, (0, 0))
    _push(trials, 1_050_000, 2_800_000, (2, 1))
    _push(trials, 2_800_000, 6_000_000, (0, 0))
    (result,) = trials.results(NAMES)
    assert (result.frames, result.got_class, result.got_label, result.share) == (1750, 2, "b", 1.0)
    assert result.layer_classes == (3, 2)
    assert layer_accuracies([result]) == (0.0, 1.0)


def test_a_short_gesture_ends_at_its_end() -> None:
    """Frames from an interval's end on count for the next interval only."""
    intervals = [GestureInterval(0, 100_000, 1), GestureInterval(100_000, 200_000, 2)]
    trials = TrialVotes(intervals, TWO_LAYERS, layer=0)
    _push(trials, 0, 100_000, (0, 0))
    _push(trials, 100_000, 200_000, (1, 1))
    assert [(r.frames, r.got_class) for r in trials.results(NAMES)] == [(50, 1), (50, 2)]


def test_a_gesture_never_seen_is_not_called_wrong() -> None:
    """Without frames a gesture is "not seen" and leaves the accuracy alone."""
    intervals = [GestureInterval(0, 100_000, 1), GestureInterval(500_000, 600_000, 2)]
    trials = TrialVotes(intervals, TWO_LAYERS, layer=1)
    _push(trials, 0, 100_000, (0, 0))
    results = trials.results(NAMES)
    assert (results[1].got_class, results[1].got_label) == (0, "not seen")
    assert layer_accuracies(results) == (1.0, 1.0)
    assert layer_accuracies(results[1:]) is None
