"""Minibatches of random crops."""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt
import pytest

from drivers.errors import InputError
from drivers.gestures import GESTURE_NAMES
from pipeline.binning import Frames
from pipeline.crops import CropSampler, CropSettings, cut_crops
from pipeline.trials import TrialFrames

SIDE = 8


def trial(frames: npt.NDArray[np.uint8], gesture_class: int = 1) -> TrialFrames:
    """A gesture made of these frames, shape (n, 2, SIDE, SIDE)."""
    bits = np.packbits(frames.reshape(len(frames), -1), axis=1)
    return TrialFrames(gesture_class, 1, "led", bits, SIDE, SIDE)


def draw(
    trials: list[TrialFrames], chosen: CropSettings, sampler: CropSampler | None = None
) -> tuple[Frames, npt.NDArray[np.int64]]:
    """The next minibatch, of a new sampler with seed 0 unless one is given."""
    sampler = sampler or CropSampler(trials, chosen, 0)
    return cut_crops(trials, sampler.plan(), chosen.steps)


def draw_named(gesture: TrialFrames, chosen: CropSettings) -> tuple[Frames, npt.NDArray[np.int64]]:
    """A minibatch of one gesture, whose class has its name in the published set."""
    return draw([gesture], chosen, CropSampler([gesture], chosen, 0, GESTURE_NAMES))


def numbered(count: int) -> Frames:
    """Frames that carry their number, counted from 1, as eight bits in the row of ON cells 3."""
    frames = np.zeros((count, 2, SIDE, SIDE), dtype=np.uint8)
    numbers = np.arange(1, count + 1, dtype=np.uint8)
    frames[:, 0, 3] = np.unpackbits(numbers[:, None], axis=1)
    return frames


def numbers_in(crop: Frames) -> list[int]:
    """The numbers that `numbered` frames carry."""
    return [int(number) for number in np.packbits(crop[:, 0, 3], axis=1)[:, 0]]


def corner() -> Frames:
    """Twenty frames with one active cell in the top left corner of ON, bottom right of OFF."""
    frames = np.zeros((20, 2, SIDE, SIDE), dtype=np.uint8)
    frames[:, 0, 0, 0] = frames[:, 1, -1, -1] = 1
    return frames


def random_trials() -> list[TrialFrames]:
    """Three gestures of noise, of different lengths and classes."""
    random = np.random.default_rng(3)
    return [
        trial((random.random((count, 2, SIDE, SIDE)) < 0.3).astype(np.uint8), number)
        for count, number in ((50, 1), (80, 5), (30, 11))
    ]


def test_the_seed_decides() -> None:
    """The same trials, settings and seed give the same minibatches; another seed others."""
    chosen = CropSettings(
        batch=4,
        steps=25,
        shift_cells=2,
        drop_up_to=0.3,
        rotate_up_to_degrees=10.0,
        zoom_up_to=1.2,
        speed_up_to=1.25,
    )
    draws = []
    for seed in (1, 1, 2):
        sampler = CropSampler(random_trials(), chosen, seed)
        draws.append([draw(random_trials(), chosen, sampler) for _ in range(3)])
    for (frames, labels), (again, labels_again) in zip(draws[0], draws[1], strict=True):
        assert np.array_equal(frames, again)
        assert np.array_equal(labels, labels_again)
    assert not np.array_equal(draws[0][0][0], draws[2][0][0])
    assert not np.array_equal(draws[0][0][0], draws[0][1][0])


def test_a_sampler_goes_on_from_its_state() -> None:
    """The plans that follow a state are those that followed it before, through JSON as well."""
    chosen = CropSettings(
        batch=4,
        steps=25,
        shift_cells=2,
        drop_up_to=0.3,
        rotate_up_to_degrees=10.0,
        zoom_up_to=1.2,
        speed_up_to=1.25,
    )
    first, second = (CropSampler(random_trials(), chosen, seed) for seed in (1, 2))
    first.plan()
    second.load_state(json.loads(json.dumps(first.state())))
    assert [first.plan() for _ in range(2)] == [second.plan() for _ in range(2)]


def test_a_minibatch_has_the_shape_that_training_takes() -> None:
    """Frames (steps, batch, 2, rows, columns) of 0 and 1, classes from 0."""
    frames, labels = draw(random_trials(), CropSettings(batch=40, steps=25))
    assert frames.shape == (25, 40, 2, SIDE, SIDE)
    assert frames.dtype == np.uint8
    assert set(np.unique(frames)) == {0, 1}
    assert labels.shape == (40,)
    assert set(labels) == {0, 4, 10}


def test_crops_lie_inside_their_gesture() -> None:
    """Consecutive frames, from any possible begin, the first and last included."""
    chosen = CropSettings(batch=200, steps=8, shift_cells=0)
    frames, _ = draw([trial(numbered(10))], chosen)
    begins = set()
    for crop in frames.swapaxes(0, 1):
        found = numbers_in(crop)
        assert found == list(range(found[0], found[0] + 8))
        begins.add(found[0])
    assert begins == {1, 2, 3}


def test_a_label_belongs_to_its_crop() -> None:
    """Every crop comes with the class of the gesture that it was cut from."""
    trials = [trial(numbered(20)[index : index + 1], index + 1) for index in range(11)]
    frames, labels = draw(trials, CropSettings(batch=50, steps=1, shift_cells=0))
    assert numbers_in(frames[0]) == [label + 1 for label in labels]


def test_short_gestures_are_padded_with_silence() -> None:
    """All of the gesture comes first, empty frames fill the rest."""
    chosen = CropSettings(batch=3, steps=15, shift_cells=0)
    frames, _ = draw([trial(numbered(9))], chosen)
    for crop in frames.swapaxes(0, 1):
        assert numbers_in(crop) == [*range(1, 10), *[0] * 6]
        assert not crop[9:].any()


def test_shifts_never_wrap() -> None:
    """What is moved out of the picture is gone; it does not come in on the other side."""
    chosen = CropSettings(batch=300, steps=20, shift_cells=2)
    frames, _ = draw([trial(corner())], chosen)
    places = set()
    for crop in frames.swapaxes(0, 1):
        assert (crop == crop[0]).all()  # one shift for all frames of a crop
        on, off = np.argwhere(crop[0, 0]), np.argwhere(crop[0, 1])
        assert len(on) <= 1
        assert len(off) <= 1
        assert (on <= 2).all()
        assert (off >= SIDE - 3).all()
        places |= {tuple(place) for place in on}
    assert places == {(row, column) for row in range(3) for column in range(3)}


def test_crops_are_shifted_and_not_mirrored_unasked() -> None:
    """Every crop is the gesture moved by up to the shift: left stays left."""
    random = np.random.default_rng(5)
    pattern = np.zeros((1, 2, SIDE, SIDE), dtype=np.uint8)
    pattern[..., 2:-2, 2:-2] = random.random((1, 2, 4, 4)) < 0.5
    moved = {
        np.roll(pattern, (down, right), axis=(-2, -1)).tobytes()
        for down in (-1, 0, 1)
        for right in (-1, 0, 1)
    }
    chosen = CropSettings(batch=200, steps=1, shift_cells=1)
    frames, _ = draw([trial(pattern)], chosen)
    assert {crop.tobytes() for crop in frames[0]} == moved


def test_half_of_the_crops_are_seen_in_a_mirror_as_another_class() -> None:
    """Left and right change places, and what was right hand wave is labelled left hand wave."""
    frames = (np.random.default_rng(5).random((9, 2, SIDE, SIDE)) < 0.4).astype(np.uint8)
    chosen = CropSettings(batch=400, steps=9, shift_cells=0, mirror=True)
    crops, labels = draw_named(trial(frames, 2), chosen)
    for crop, label in zip(crops.swapaxes(0, 1), labels, strict=True):
        assert np.array_equal(crop, frames if label == 1 else frames[..., ::-1])
    assert set(labels) == {1, 2}
    assert 150 < (labels == 2).sum() < 250


def test_half_of_the_crops_are_played_backwards_as_another_class() -> None:
    """The last frame first, ON and OFF exchanged; silence still follows a short gesture."""
    frames = (np.random.default_rng(5).random((9, 2, SIDE, SIDE)) < 0.4).astype(np.uint8)
    chosen = CropSettings(batch=400, steps=12, shift_cells=0, backwards=True)
    crops, labels = draw_named(trial(frames, 4), chosen)
    for crop, label in zip(crops.swapaxes(0, 1), labels, strict=True):
        assert np.array_equal(crop[:9], frames if label == 3 else frames[::-1, ::-1])
        assert not crop[9:].any()
    assert set(labels) == {3, 4}
    assert 150 < (labels == 4).sum() < 250


def test_a_circle_mirrored_and_played_backwards_turns_as_before_on_the_other_side() -> None:
    """Both together: right arm clockwise becomes left arm clockwise."""
    frames = np.zeros((4, 2, SIDE, SIDE), dtype=np.uint8)
    frames[0, 0, 1, 0] = 1
    chosen = CropSettings(batch=100, steps=4, shift_cells=0, mirror=True, backwards=True)
    crops, labels = draw_named(trial(frames, 4), chosen)
    # Frame, sign, row, column by class, counted from 0.
    expected = {3: (0, 0, 1, 0), 6: (0, 0, 1, SIDE - 1), 4: (3, 1, 1, 0), 5: (3, 1, 1, SIDE - 1)}
    for crop, label in zip(crops.swapaxes(0, 1), labels, strict=True):
        assert [tuple(place) for place in np.argwhere(crop)] == [expected[int(label)]]
    assert set(labels) == {3, 4, 5, 6}


def test_classes_without_a_counterpart_are_left_as_they_are() -> None:
    """Digits are not mirrored, and the same crops are drawn as without asking."""
    trials = random_trials()
    plain = CropSettings(batch=20, steps=20)
    asked = CropSettings(batch=20, steps=20, mirror=True, backwards=True)
    names = tuple(map(str, range(11)))
    assert CropSampler(trials, asked, 0, names).plan() == CropSampler(trials, plain, 0).plan()


def test_dropping_only_takes_away_and_at_most_its_share() -> None:
    """Each crop loses a share of its own between 0 and the setting; nothing is added."""
    random = np.random.default_rng(6)
    whole = (random.random((50, 2, SIDE, SIDE)) < 0.4).astype(np.uint8)
    shares = {}
    for most in (0.0, 0.5):
        chosen = CropSettings(batch=100, steps=50, shift_cells=0, drop_up_to=most)
        frames, _ = draw([trial(whole)], chosen)
        assert frames.dtype == np.uint8
        assert not (frames > whole[:, None]).any()
        shares[most] = 1 - frames.sum(axis=(0, 2, 3, 4)) / whole.sum()
    assert (shares[0.0] == 0).all()
    assert shares[0.5].min() < 0.05
    assert 0.45 < shares[0.5].max() < 0.55


def test_crops_are_read_faster_and_slower() -> None:
    """From 0.8 to 1.25 times as fast: so many frames of the gesture come to a step of the crop."""
    # Every frame has one active cell, another in each.
    frames = np.eye(2 * SIDE * SIDE, dtype=np.uint8).reshape(-1, 2, SIDE, SIDE)
    chosen = CropSettings(batch=100, steps=64, shift_cells=0, speed_up_to=1.25)
    crops, _ = draw([trial(frames)], chosen)
    assert crops.shape == (64, 100, 2, SIDE, SIDE)
    speeds = crops.sum(axis=(0, 2, 3, 4)) / 64
    assert 0.79 < speeds.min() < 0.83
    assert 1.2 < speeds.max() < 1.27
    assert crops[-2:].any(axis=(0, 2, 3, 4)).all()


def test_no_gestures_are_refused() -> None:
    """A training set without gestures is one clear error."""
    with pytest.raises(InputError, match="no gestures"):
        CropSampler([], CropSettings(), 0)


@pytest.mark.parametrize(
    "change",
    [
        {"batch": 0},
        {"batch": 5000},
        {"steps": 0},
        {"shift_cells": -1},
        {"shift_cells": 17},
        {"drop_up_to": 1.0},
        {"drop_up_to": -0.1},
        {"drop_up_to": float("nan")},
        {"rotate_up_to_degrees": 46.0},
        {"rotate_up_to_degrees": -1.0},
        {"zoom_up_to": 0.9},
        {"speed_up_to": 0.8},
        {"speed_up_to": float("nan")},
    ],
)
def test_settings_out_of_range_are_refused(change: dict[str, float]) -> None:
    """Each setting out of range gives one clear error."""
    with pytest.raises(InputError, match="allowed"):
        CropSettings(**change)  # type: ignore[arg-type]
