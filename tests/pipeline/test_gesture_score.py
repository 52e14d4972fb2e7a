"""What whole gestures are taken for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from models.settings import LayerSettings, NetworkSettings
from pipeline.gesture_score import GestureScore

SUMMED = NetworkSettings(
    layers=(LayerSettings(1, pool=1),) * 2, classes=4, height=8, width=8, reading="softmax"
)
MULTIPLIED = replace(SUMMED, over_time="product")
OTHER = replace(MULTIPLIED, other_class=4, other_share=0.25)
NO_VOTES = np.zeros(2, np.int64)


def score_of(settings: NetworkSettings, shares: npt.NDArray[np.float64]) -> GestureScore:
    """Of a gesture with these shares, shape (frames, 4)."""
    score = GestureScore(settings)
    for each in shares:
        score.add(NO_VOTES, each)
    return score


def test_shares_are_summed_or_multiplied() -> None:
    """The share told is the mean over time, arithmetic or geometric."""
    shares = np.array([[0.7, 0.2, 0.05, 0.05], [0.01, 0.2, 0.74, 0.05]])
    summed, multiplied = score_of(SUMMED, shares), score_of(MULTIPLIED, shares)
    assert (summed.winner, summed.frames) == (2, 2)
    assert summed.share == pytest.approx((0.05 + 0.74) / 2)
    assert multiplied.winner == 1
    assert multiplied.share == pytest.approx(0.2)


def test_what_looks_now_like_one_class_and_now_like_another_is_none_of_them() -> None:
    """A figure of eight is a circle one way, then the other: half of the time each."""
    one, two = [0.97, 0.01, 0.01, 0.01], [0.01, 0.97, 0.01, 0.01]
    shares = np.array(([one] * 300 + [two] * 250) * 2)
    assert score_of(SUMMED, shares).winner == 0
    assert score_of(MULTIPLIED, shares).winner == 0
    other = score_of(OTHER, shares)
    assert other.winner == 3
    assert other.share == pytest.approx(0.25)


def test_a_class_that_lasts_is_named_although_it_falters() -> None:
    """A fifth of the time another one was surer."""
    shares = np.array(([[0.8, 0.1, 0.05, 0.05]] * 8 + [[0.1, 0.8, 0.05, 0.05]] * 2) * 50)
    assert score_of(OTHER, shares).winner == 0


def test_another_gesture_that_is_known_is_named_for_itself() -> None:
    """The class of all else learns as well; what it has at least only comes beside that."""
    shares = np.tile([0.1, 0.1, 0.1, 0.7], (100, 1))
    score = score_of(OTHER, shares)
    assert score.winner == 3
    assert score.share == pytest.approx(0.7)


def test_a_share_of_nothing_does_not_rule_a_class_out() -> None:
    """One millisecond of ten thousand is not the end of it."""
    shares = np.tile([0.6, 0.4, 0.0, 0.0], (10_000, 1))
    shares[5000] = [0.0, 1.0, 0.0, 0.0]
    assert score_of(MULTIPLIED, shares).winner == 0


def test_a_class_that_comes_later_has_had_no_share() -> None:
    """Neither summed nor multiplied is it the winner for being new."""
    shares = np.tile([0.1, 0.8, 0.05, 0.05], (10, 1))
    for settings in (SUMMED, MULTIPLIED, OTHER):
        score = score_of(settings, shares)
        score.add_class()
        assert score.winner == 1
        for _ in range(1000):
            score.add(NO_VOTES, np.array([0.01, 0.01, 0.01, 0.01, 0.96]))
        assert score.winner == 4


def test_steps_of_a_network_that_has_grown_count_for_a_gesture_that_began_before() -> None:
    """What the new class has is left out."""
    score = score_of(MULTIPLIED, np.array([[0.1, 0.2, 0.1, 0.6]]))
    score.add(NO_VOTES, np.array([0.1, 0.5, 0.1, 0.1, 0.2]))
    assert score.winner == 1


@pytest.mark.parametrize(
    ("settings", "layer"), [(replace(SUMMED, reading="votes"), -1), (OTHER, 0)]
)
def test_votes_for_a_class_that_came_since_are_left_out(
    settings: NetworkSettings, layer: int
) -> None:
    """As its shares are."""
    score = GestureScore(settings, layer=layer)
    for vote in (1, 4, 4):
        score.add(np.array([vote, vote]), None)
    assert (score.winner, score.frames) == (1, 3)


def test_a_layer_that_is_asked_for_votes_alone() -> None:
    """Whatever the settings say of shares."""
    score = GestureScore(OTHER, layer=0)
    for vote in (2, 2, 1):
        score.add(np.array([vote, 0]), np.array([1.0, 0.0, 0.0, 0.0]))
    score.add_class()
    assert (score.winner, score.share) == (2, pytest.approx(2 / 3))


def test_before_the_first_step_nothing_has_a_share() -> None:
    """No division by the number of steps."""
    assert GestureScore(OTHER).share == 0.0
