import numpy as np
import pytest

from drivers.body import (
    ARM_SHAPES,
    LEFT,
    RIGHT,
    SHAPE_FIELDS,
    TRUNK_SHAPES,
    bend_arms,
    body_shapes,
)
from drivers.subject import draw_subject

HINTS = np.tile([[[-0.5, 1.0, -0.3], [0.5, 1.0, -0.3]]], (200, 1, 1))


@pytest.fixture
def wrists():
    """Wanted wrists anywhere around the body, many of them out of reach."""
    return np.random.default_rng(0).uniform(-0.9, 0.9, size=(200, 2, 3))


def test_bones_keep_their_lengths(wrists):
    """Whatever is asked for, upper arms and forearms stay as long as they are."""
    person = draw_subject(1, 0)
    shoulders, elbows, reached = bend_arms(person, wrists, HINTS)
    upper = np.linalg.norm(elbows - shoulders, axis=2)
    lower = np.linalg.norm(reached - elbows, axis=2)
    np.testing.assert_allclose(upper, person.upper_arm_m, atol=1e-9)
    np.testing.assert_allclose(lower, person.forearm_m, atol=1e-9)


def test_a_wrist_within_reach_is_reached():
    """The hand goes where it is wanted."""
    person = draw_subject(1, 0)
    wanted = np.array([[[-0.3, 0.1, 0.2], [0.25, -0.2, 0.1]]])
    _, _, reached = bend_arms(person, wanted, HINTS[:1])
    np.testing.assert_allclose(reached, wanted, atol=1e-9)


def test_the_performers_right_is_on_the_pictures_left():
    """The body faces the camera."""
    person = draw_subject(2, 0)
    wrists = np.array([[[-0.3, 0.2, 0.2], [0.3, 0.2, 0.2]]])
    shoulders, _, _ = bend_arms(person, wrists, HINTS[:1])
    assert shoulders[0, RIGHT, 0] < 0 < shoulders[0, LEFT, 0]
    shapes = body_shapes(person, wrists, HINTS[:1], np.zeros((1, 3)))
    assert shapes.shape == (1, TRUNK_SHAPES + 2 * ARM_SHAPES, SHAPE_FIELDS)
    hands = shapes[0, TRUNK_SHAPES + 3 :: ARM_SHAPES, 0]
    assert hands.min() < person.centre_x_px < hands.max()


def test_the_nearer_hand_is_painted_last_and_larger():
    """Depth shows as order and as size."""
    person = draw_subject(2, 0)
    wrists = np.array([[[-0.25, 0.2, 0.05], [0.25, 0.2, 0.4]]])
    shapes = body_shapes(person, wrists, HINTS[:1], np.zeros((1, 3)))
    far, near = shapes[0, TRUNK_SHAPES + 3], shapes[0, TRUNK_SHAPES + ARM_SHAPES + 3]
    assert near[0] > person.centre_x_px > far[0]
    assert near[2] > far[2]
