"""What classes become in a mirror and played backwards, by their names."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from drivers.gestures import GESTURE_NAMES
from pipeline.symmetry import backward_classes, mirrored_classes


def test_the_gestures_of_the_published_set() -> None:
    """Sides and turns change places in a mirror, turns alone backwards; the others stay."""
    assert mirrored_classes(GESTURE_NAMES) == (1, 3, 2, 7, 6, 5, 4, 8, 9, 10, 11)
    assert backward_classes(GESTURE_NAMES) == (1, 2, 3, 5, 4, 7, 6, 8, 9, 10, 11)


def test_names_may_be_written_in_other_ways() -> None:
    """Case, underlines and hyphens do not matter."""
    names = ("Right_Arm_Clockwise", "left arm counter clockwise", "LEFT-HAND", "right hand")
    assert mirrored_classes(names) == (2, 1, 4, 3)
    assert mirrored_classes(("left counterclockwise", "right clockwise")) == (2, 1)


def test_digits_and_objects_have_no_mirror_image() -> None:
    """Where no name speaks of sides or turns, nothing is known."""
    assert mirrored_classes(("2", "5", "7")) == (None, None, None)
    assert backward_classes(("right hand wave", "left hand wave")) == (None, None)


def test_a_class_without_its_other_side_has_none() -> None:
    """A left wave is none of these classes; neither is a word that only contains one."""
    assert mirrored_classes(("right hand wave", "clap")) == (None, 2)
    assert mirrored_classes(("bright light", "cleft")) == (None, None)


@given(st.permutations(GESTURE_NAMES))
def test_twice_is_not_at_all(names: list[str]) -> None:
    """Whatever the order of classes, the counterpart of the counterpart is the class."""
    for counterparts in (mirrored_classes(names), backward_classes(names)):
        for number, other in enumerate(counterparts, start=1):
            assert other is not None
            assert counterparts[other - 1] == number
