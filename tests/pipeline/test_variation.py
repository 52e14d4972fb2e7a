"""Changes of labelled frames."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.binning import MOST_COUNTED
from pipeline.variation import Change, changed, frames_read

SIDE = 9


def dot(row: int, column: int, steps: int = 4) -> np.ndarray:
    """Frames with one active ON cell."""
    frames = np.zeros((steps, 2, SIDE, SIDE), np.uint8)
    frames[:, 0, row, column] = 1
    return frames


@pytest.mark.parametrize(
    ("change", "to"),
    [
        (Change(degrees=90.0), (8, 4)),
        (Change(degrees=-90.0), (0, 4)),
        (Change(zoom=0.5), (4, 6)),
        (Change(down=1, right=-2), (5, 6)),
        (Change(degrees=45.0, zoom=1.0), (7, 7)),
    ],
)
def test_a_cell_goes_where_it_is_turned_and_resized_to(change: Change, to: tuple[int, int]) -> None:
    """About the middle of the frame; rows count downwards, so right turns to down."""
    found = changed(dot(4, 8), change, steps=4)
    assert np.argwhere(found[0, 0]).tolist() == [list(to)]
    assert not found[:, 1].any()


def test_what_leaves_the_frame_is_lost() -> None:
    """Nothing comes back in on the other side."""
    assert not changed(dot(4, 8), Change(zoom=1.5), steps=4).any()
    assert not changed(dot(4, 8), Change(right=1), steps=4).any()


@pytest.mark.parametrize("speed", [0.8, 0.93, 1.0, 1.25])
def test_speed_spreads_frames_over_the_steps_wanted(speed: float) -> None:
    """The last step is reached, and no frame is passed over."""
    read = frames_read(40, speed)
    frames = np.zeros((read, 2, SIDE, SIDE), np.uint8)
    for number in range(read):
        frames[number, 0, number // SIDE, number % SIDE] = 1
    found = changed(frames, Change(), steps=40, speed=speed)
    assert len(found) == 40
    assert found[-1].any() or found[-2].any()
    assert abs(int(found.sum()) - read) <= 1


def test_nothing_is_changed_where_nothing_was_drawn() -> None:
    """The frames come back as they are."""
    frames = dot(1, 2)
    assert changed(frames, Change(), steps=4) is frames


def test_dropping_hangs_on_its_seed_alone() -> None:
    """The same seed loses the same cells."""
    frames = (np.random.default_rng(0).random((50, 2, SIDE, SIDE)) < 0.3).astype(np.uint8)
    once, again, other = (
        changed(frames, Change(drop=0.4, seed=seed), steps=50) for seed in (3, 3, 4)
    )
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)
    assert once.sum() / frames.sum() == pytest.approx(0.6, abs=0.03)


def test_counted_events_go_along() -> None:
    """A cell's number goes where it is moved to, mirrored and played backwards."""
    frames = 7 * dot(4, 8)
    frames[-1, 0, 4, 8] = 3
    found = changed(frames, Change(down=1, mirrored=True, backwards=True), steps=4, counts=True)
    assert found[:, 1, 5, 0].tolist() == [3, 7, 7, 7]
    assert found.sum() == frames.sum()


def test_counted_events_of_one_cell_add_up() -> None:
    """Read twice as fast, two frames are one; what does not fit a cell's number is left at it."""
    found = changed(100 * dot(4, 8), Change(), steps=2, speed=2.0, counts=True)
    assert found[:, 0, 4, 8].tolist() == [200, 200]
    found = changed(100 * dot(4, 8, steps=8), Change(), steps=2, speed=4.0, counts=True)
    assert found[:, 0, 4, 8].tolist() == [MOST_COUNTED] * 2


def test_counted_events_are_dropped_by_themselves() -> None:
    """Of a cell's events a share is lost, and not the cell as a whole."""
    found = changed(200 * dot(4, 8), Change(drop=0.5, seed=1), steps=4, counts=True)
    assert ((found[:, 0, 4, 8] > 60) & (found[:, 0, 4, 8] < 140)).all()
