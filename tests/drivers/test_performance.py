import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import InputError
from drivers.gesture_motion import rest_pose
from drivers.performance import rehearse
from drivers.subject import draw_subject


def session(gestures, seconds=1.0, user=1, seed=0):
    """A rehearsed session of one user."""
    return rehearse(draw_subject(user, seed), gestures, seconds, seed, np.random.default_rng(seed))


@given(st.lists(st.integers(1, 11), min_size=1, max_size=8), st.floats(0.1, 5.0))
def test_labelled_spans_are_in_order_apart_and_inside(gestures, seconds):
    """Any order of gestures is performed as given, with unlabelled time around each."""
    performance = session(gestures, seconds)
    assert [span[0] for span in performance.spans] == gestures
    edges = [edge for _, begin, end in performance.spans for edge in (begin, end)]
    assert edges == sorted(set(edges))
    assert edges[0] > 0
    assert edges[-1] < performance.duration_us
    for _, begin_us, end_us in performance.spans:
        assert end_us - begin_us == pytest.approx(1e6 * seconds, abs=1)


def test_lengths_are_drawn_from_a_range():
    """A range of seconds gives different lengths within it."""
    lengths = [end - begin for _, begin, end in session([1] * 12, (2.0, 3.0)).spans]
    assert min(lengths) >= 2_000_000
    assert max(lengths) <= 3_000_000
    assert len(set(lengths)) > 6


def test_arms_hang_at_the_beginning_and_at_the_end():
    """A session starts and ends at rest."""
    performance = session([2, 9])
    ends = np.array([0.0, performance.duration_us])
    wrists, _, _ = performance.pose(ends)
    rest, _ = rest_pose(performance.subject)
    np.testing.assert_allclose(wrists, np.stack([rest, rest]), atol=1e-9)


def test_arms_move_without_jumps():
    """Raising, performing and lowering join: no wrist moves faster than a body could."""
    performance = session(list(range(1, 12)))
    wrists, _, _ = performance.pose(np.arange(0.0, performance.duration_us, 1000.0))
    speed = np.linalg.norm(np.diff(wrists, axis=0), axis=2) / 1e-3
    assert speed.max() < 9.0


def test_the_second_arm_roll_turns_the_other_way():
    """A session with two arm rolls shows both directions."""
    performance = session([8, 8])
    turns = []
    for _, begin_us, end_us in performance.spans:
        wrists, _, _ = performance.pose(np.arange(begin_us, end_us, 5000.0))
        y, z = (wrists[:, 0, axis] - wrists[:, 0, axis].mean() for axis in (1, 2))
        turns.append(np.unwrap(np.arctan2(y, z))[[0, -1]] @ [-1, 1])
    assert turns[0] * turns[1] < 0


def test_the_body_sways_a_little():
    """Nobody stands still, nobody walks away."""
    performance = session([1], 5.0)
    _, _, sway = performance.pose(np.arange(0.0, performance.duration_us, 10_000.0))
    assert np.ptp(sway, axis=0).min() > 1e-4
    assert np.abs(sway).max() < 0.08


@pytest.mark.parametrize(
    ("gestures", "seconds"), [([], 1.0), ([0], 1.0), ([12], 1.0), ([1], 0.0), ([1], (3.0, 2.0))]
)
def test_sessions_that_cannot_be_performed_are_refused(gestures, seconds):
    """No gestures, no such class, no time: one line that says what is allowed."""
    with pytest.raises(InputError, match="allowed"):
        session(gestures, seconds)
