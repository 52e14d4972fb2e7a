import pytest

from drivers.errors import InputError
from pipeline.targets import Targets
from recordings.labels import GestureInterval

FIRST = GestureInterval(1_000_000, 2_000_000, 3)
SECOND = GestureInterval(2_000_000, 3_000_000, 1)


@pytest.mark.parametrize(
    ("t_us", "target"),
    [
        (0, None),
        (1_049_999, None),
        (1_050_000, 2),
        (1_999_999, 2),
        (2_000_000, None),
        (2_050_000, 0),
        (3_000_000, None),
    ],
)
def test_targets_follow_the_label_file_after_a_burn_in(t_us: int, target: int | None) -> None:
    """A frame has a target from 50 ms after an interval's begin to its (excluded) end."""
    assert Targets([SECOND, FIRST], classes=3).at(t_us) == target


def test_a_target_set_by_hand_takes_precedence() -> None:
    """From its time on, after the burn-in, the target set by hand holds until taken back."""
    targets = Targets([FIRST], classes=3)
    targets.set_by_hand(2, 1_500_000)
    assert [targets.at(t) for t in (1_499_999, 1_500_000, 1_550_000, 9_000_000)] == [2, None, 1, 1]
    targets.set_by_hand(None, 1_500_000)
    assert targets.at(1_900_000) is None
    targets.follow_timeline()
    assert targets.at(1_900_000) == 2


def test_unknown_classes_are_refused() -> None:
    """A class that the network does not have is refused, in a file or by hand."""
    with pytest.raises(InputError, match="target class"):
        Targets([FIRST], classes=2)
    with pytest.raises(InputError, match="target class"):
        Targets([], classes=2).set_by_hand(0, 0)
