import numpy as np
import pytest

from drivers.body import LEFT, RIGHT
from drivers.gesture_motion import draw_motion, rest_pose
from drivers.subject import draw_subject

T_S = np.arange(0.0, 3.0, 0.005)
PEOPLE = range(1, 13)


def wrists(gesture, user=1, seed=0, trial=0, turn=1):
    """Wrists (n, 2, 3) of one performance of three seconds."""
    person = draw_subject(user, seed)
    motion = draw_motion(gesture, person, seed, np.random.default_rng([user, trial]), turn)
    return motion.wrists(T_S)


def travel(path):
    """Length of each arm's path in metres, shape (2,)."""
    return np.linalg.norm(np.diff(path, axis=0), axis=2).sum(axis=0)


def turning(path, arm, axes=(0, 1)):
    """Turns of a hand around the middle of its path; above 0 is clockwise in the picture."""
    first, second = (path[:, arm, axis] - path[:, arm, axis].mean() for axis in axes)
    return np.unwrap(np.arctan2(second, first))[[0, -1]] @ [-1, 1] / (2 * np.pi)


@pytest.mark.parametrize("user", PEOPLE)
@pytest.mark.parametrize(("gesture", "arm"), [(2, RIGHT), (3, LEFT), (4, RIGHT), (7, LEFT)])
def test_one_armed_gestures_move_that_arm_only(gesture, arm, user):
    """Right is right, left is left, and the other arm hangs."""
    path = wrists(gesture, user)
    moved = travel(path)
    assert moved[arm] > 0.8
    assert moved[1 - arm] == 0.0
    np.testing.assert_array_equal(path[0, 1 - arm], rest_pose(draw_subject(user, 0))[0][1 - arm])


@pytest.mark.parametrize("user", PEOPLE)
def test_arms_turn_as_their_gesture_says(user):
    """Clockwise and counter-clockwise, as the camera sees them, for both arms."""
    for gesture, arm, sign in ((4, RIGHT, 1), (5, RIGHT, -1), (6, LEFT, 1), (7, LEFT, -1)):
        assert sign * turning(wrists(gesture, user), arm) > 1.0


@pytest.mark.parametrize("user", PEOPLE)
def test_a_wave_swings_above_its_elbow_and_does_not_turn(user):
    """A waving hand goes from side to side, higher than the elbow could be."""
    path = wrists(2, user)
    assert abs(turning(path, RIGHT)) < 1.0
    assert np.ptp(path[:, RIGHT, 0]) > 2 * np.ptp(path[:, RIGHT, 1])
    assert path[:, RIGHT, 1].max() < 0.1


@pytest.mark.parametrize("user", PEOPLE)
def test_clapping_hands_meet_before_the_chest(user):
    """Hands come together and part, mirrored."""
    path = wrists(1, user)
    apart = path[:, LEFT, 0] - path[:, RIGHT, 0]
    assert apart.min() < 0.12
    assert apart.max() > 0.2
    np.testing.assert_allclose(path[:, LEFT, 0], -path[:, RIGHT, 0])


@pytest.mark.parametrize("user", PEOPLE)
def test_rolling_forearms_are_always_on_opposite_sides(user):
    """In an arm roll each hand is above or before the other in turn; it has two directions."""
    path = wrists(8, user)
    centre = path.mean(axis=1)
    np.testing.assert_allclose(
        (path[:, RIGHT] - centre)[:, 1:], -(path[:, LEFT] - centre)[:, 1:], atol=1e-12
    )
    forward, backward = (
        turning(wrists(8, user, turn=turn), RIGHT, axes=(2, 1)) for turn in (1, -1)
    )
    assert forward > 1.0
    assert backward < -1.0


@pytest.mark.parametrize("user", PEOPLE)
def test_drumming_hands_beat_in_turn(user):
    """When one hand is up the other one is down."""
    path = wrists(9, user)
    assert np.corrcoef(path[:, RIGHT, 1], path[:, LEFT, 1])[0, 1] < -0.5


@pytest.mark.parametrize("user", PEOPLE)
def test_a_guitar_has_a_strumming_hand_and_one_at_the_neck(user):
    """The strumming hand moves much; the other one is held out and hardly moves."""
    path = wrists(10, user)
    strums, frets = (LEFT, RIGHT) if draw_subject(user, 0).left_handed else (RIGHT, LEFT)
    moved = travel(path)
    assert moved[strums] > 4 * moved[frets]
    assert np.abs(path[:, frets, 0]).min() > 0.25
    assert path[:, strums, 1].mean() > path[:, frets, 1].mean()


def test_inventions_differ_between_users_and_seeds_and_stay_within_one():
    """The eleventh gesture is a person's own, the same idea in every trial."""
    means = [wrists(11, user).mean(axis=0) for user in PEOPLE]
    means += [wrists(11, 1, seed=seed).mean(axis=0) for seed in (1, 2, 3)]
    for index, one in enumerate(means):
        for other in means[:index]:
            assert np.abs(one - other).max() > 0.005
    trials = [wrists(11, 4, trial=trial) for trial in range(2)]
    assert np.abs(trials[0].mean(axis=0) - trials[1].mean(axis=0)).max() < 0.15


def test_trials_of_one_person_are_alike_but_not_the_same():
    """Phase, tempo and size wander from trial to trial."""
    one, other = wrists(4, 3, trial=0), wrists(4, 3, trial=1)
    assert np.abs(one - other).max() > 0.02
    assert abs(turning(one, RIGHT) - turning(other, RIGHT)) < 1.5
