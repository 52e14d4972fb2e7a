import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import InputError
from pipeline.decisions import DecisionSettings, LeakyShares, SlidingVotes

LOUD = 1000


def _settings(**changes: float) -> DecisionSettings:
    values = {
        "window_ms": 10,
        "threshold": 0.5,
        "margin": 0.1,
        "min_events_per_s": 1000.0,
        "min_frames": 1,
    }
    return DecisionSettings(**(values | changes))  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 30)), max_size=60))
def test_counts_are_those_of_the_last_window(pushes: list[tuple[int, int]]) -> None:
    """The running counts equal a fresh count of the last `window_ms` votes."""
    votes = SlidingVotes(3, _settings())
    for vote, events in pushes:
        votes.push(vote, events)
    last = [vote for vote, _ in pushes[-10:]]
    assert votes.counts == tuple(last.count(k) for k in range(3))


def test_majority_is_named_with_its_share() -> None:
    """The class with most votes is named, its confidence is its share of the window."""
    votes = SlidingVotes(3, _settings())
    for vote in (2, 2, 2, 1):
        decision = votes.push(vote, LOUD)
    assert (decision.gesture_class, decision.confidence) == (3, 0.75)


def test_silence_is_unsure() -> None:
    """A window with too few input events is unsure, however clear its votes."""
    votes = SlidingVotes(3, _settings())
    for _ in range(10):
        decision = votes.push(1, 0)
    assert decision.gesture_class == 0
    assert decision.confidence == 1.0


@pytest.mark.parametrize(("window_ms", "first_named"), [(500, 100), (30, 30)])
def test_nothing_is_named_from_a_handful_of_votes(window_ms: int, first_named: int) -> None:
    """By default 100 frames, or a whole shorter window, come before the first named class."""
    votes = SlidingVotes(3, DecisionSettings(window_ms=window_ms))
    named = [votes.push(1, LOUD).gesture_class for _ in range(200)]
    assert named == [0] * (first_named - 1) + [2] * (200 - first_named + 1)
    votes.clear()
    assert votes.push(1, LOUD).gesture_class == 0


def test_scattered_votes_are_unsure() -> None:
    """No class at the threshold means unsure."""
    votes = SlidingVotes(3, _settings())
    for vote in (0, 1, 2) * 3:
        decision = votes.push(vote, LOUD)
    assert decision.gesture_class == 0


def test_margin_keeps_a_named_class() -> None:
    """A named class stays until its share falls below threshold - margin."""
    held = []
    for margin in (0.0, 0.2):
        votes = SlidingVotes(4, _settings(margin=margin))
        for vote in (0, 0, 0, 0, 0, 1, 1, 2, 2, 3):
            votes.push(vote, LOUD)
        held.append(votes.push(3, LOUD).gesture_class)  # share of class 1: 4 of 10
    assert held == [0, 1]


def test_a_tie_does_not_flicker() -> None:
    """At equal votes the class already named stays."""
    votes = SlidingVotes(2, _settings())
    for vote in (1, 1, 0, 0):
        decision = votes.push(vote, LOUD)
    assert decision.gesture_class == 2


def test_clear_forgets() -> None:
    """After clear the next vote stands alone."""
    votes = SlidingVotes(2, _settings())
    for _ in range(10):
        votes.push(0, LOUD)
    votes.clear()
    votes.push(1, LOUD)
    assert votes.counts == (0, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"window_ms": 0},
        {"threshold": 0.0},
        {"threshold": float("nan")},
        {"margin": 0.5},
        {"min_events_per_s": float("nan")},
        {"min_frames": 0},
    ],
)
def test_settings_out_of_range_are_refused(change: dict[str, float]) -> None:
    """Each setting out of range gives one clear error."""
    with pytest.raises(InputError, match="allowed"):
        _settings(**change)


def test_leaky_shares_are_an_exponential_mean() -> None:
    """The confidence is the weighted mean of the class's shares, tau being half the window."""
    shares = LeakyShares(2, _settings(window_ms=100))
    given = [0.9, 0.8, 0.7, 0.95]
    for share in given:
        decision = shares.push((share, 1 - share), LOUD)
    weights = [math.exp(-2 * age / 100) for age in (3, 2, 1, 0)]
    mean = sum(w * s for w, s in zip(weights, given, strict=True)) / sum(weights)
    assert decision.gesture_class == 1
    assert decision.confidence == pytest.approx(mean)
    assert shares.counts == (round(4 * mean), round(4 * (1 - mean)))


def test_leaky_shares_forget() -> None:
    """Another class leads after about as long as in a window; a new stream begins from nothing."""
    shares = LeakyShares(2, _settings(window_ms=100, min_frames=50))
    named = [shares.push((1.0, 0.0), LOUD).gesture_class for _ in range(200)]
    assert named == [0] * 49 + [1] * 151
    after = [shares.push((0.0, 1.0), LOUD).gesture_class for _ in range(100)]
    assert 30 <= after.index(2) <= 60
    silent = [shares.push((0.0, 1.0), 0).gesture_class for _ in range(500)]
    assert silent[-1] == 0
    shares.clear()
    assert shares.counts == (0, 0)
    assert shares.push((1.0, 0.0), LOUD).gesture_class == 0
