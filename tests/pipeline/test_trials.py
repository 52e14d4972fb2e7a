"""Labelled gestures as frames, from real recordings."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.errors import InputError
from drivers.events import Events, SensorSize
from pipeline.binning import FrameBinner, Frames, centred_view
from pipeline.trials import TrialCache, TrialFrames, load_trials
from recordings.aedat4_writer import Aedat4Writer
from recordings.dvsgesture import SetRecording, read_gesture_set
from recordings.formats import open_recording
from recordings.labels import GestureInterval

SIDE = 16


def all_frames(path: Path) -> tuple[Frames, int]:
    """Every frame of a recording as the brain would bin it, and when the first one begins."""
    with open_recording(path) as source:
        packets = list(source)
        binner = FrameBinner(source.sensor, centred_view(source.sensor, SIDE, SIDE))
    chunks = [binner.push(packet) for packet in packets]
    return np.concatenate([*chunks, binner.finish()]), packets[0].t_begin_us


def cut(
    recording: SetRecording,
    *intervals: tuple[int, int],
    cache: TrialCache = TrialCache(),  # noqa: B008 - frozen
) -> list[TrialFrames]:
    """The trials of a recording whose labels are these spans of time."""
    labels = tuple(GestureInterval(begin, end, 8) for begin, end in intervals)
    labelled = replace(recording, intervals=labels)
    return load_trials([labelled], rows=SIDE, columns=SIDE, cache=cache)


@pytest.fixture(scope="module")
def blob(tmp_path_factory: pytest.TempPathFactory, some_events: Events) -> SetRecording:
    """Two seconds whose times do not begin at 0."""
    path = tmp_path_factory.mktemp("blob") / "user03_led.aedat"
    with Aedat4Writer(path, SensorSize(32, 32)) as writer:
        writer.write(some_events)
    return SetRecording(path, 3, "led", "train", ())


def test_frames_are_those_that_the_brain_would_see(simulated_set: Path) -> None:
    """A trial's frames are the recording's own, on the recording's grid, in order of the set."""
    recordings = read_gesture_set(simulated_set).recordings
    trials = iter(load_trials(recordings, rows=SIDE, columns=SIDE))
    for recording in recordings:
        frames, t0_us = all_frames(recording.path)
        begins_us = t0_us + 1000 * np.arange(len(frames))
        for interval in recording.intervals:
            trial = next(trials)
            inside = (begins_us >= interval.t_begin_us) & (begins_us < interval.t_end_us)
            assert trial.frames == inside.sum()
            assert np.array_equal(trial.unpack(0, trial.frames), frames[inside])
            assert trial.unpack(0, trial.frames).any()
            assert (trial.gesture_class, trial.user, trial.light) == (
                interval.gesture_class,
                recording.user,
                recording.light,
            )
    assert next(trials, None) is None


@settings(deadline=None, max_examples=15)
@given(st.lists(st.integers(0, 1_999_000), min_size=2, max_size=6, unique=True))
def test_intervals_are_half_open(blob: SetRecording, cuts_us: list[int]) -> None:
    """Intervals that touch share no frame and miss none, wherever they are cut."""
    frames, t0_us = all_frames(blob.path)
    cuts_us.sort()
    spans = [(t0_us + a, t0_us + b) for a, b in pairwise(cuts_us)]
    trials = cut(blob, *spans)
    together = np.concatenate([trial.unpack(0, trial.frames) for trial in trials])
    assert np.array_equal(together, frames[-(-cuts_us[0] // 1000) : -(-cuts_us[-1] // 1000)])


def test_a_frame_belongs_to_the_gesture_in_which_it_begins(blob: SetRecording) -> None:
    """On the grid exactly its frames; a microsecond later, those that begin inside."""
    frames, t0_us = all_frames(blob.path)
    exact, later = (
        cut(blob, (t0_us + 10_000 + shift, t0_us + 20_000 + shift))[0] for shift in (0, 1)
    )
    assert np.array_equal(exact.unpack(0, 10), frames[10:20])
    assert np.array_equal(later.unpack(0, 10), frames[11:21])
    assert exact.frames == later.frames == 10


def test_a_gesture_ends_where_the_recording_ends(blob: SetRecording) -> None:
    """Labels that reach beyond either end of the recording give the frames there are."""
    frames, t0_us = all_frames(blob.path)
    before, after, beyond = cut(
        blob,
        (t0_us - 5_000, t0_us + 3_000),
        (t0_us + 1_990_000, t0_us + 9_000_000),
        (t0_us + 20_000_000, t0_us + 21_000_000),
    )
    assert np.array_equal(before.unpack(0, 3), frames[:3])
    assert (before.frames, after.frames, beyond.frames) == (3, len(frames) - 1990, 0)


def test_gestures_that_reach_beyond_their_recording_are_said(
    blob: SetRecording, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """How many, and by how much at most, whether they are cut or come from the cache."""
    t0_us = all_frames(blob.path)[1]
    inside = (t0_us + 100, t0_us + 1_900_300)
    # The last event is less than a frame before 2 s.
    after, before = (t0_us + 1_950_000, t0_us + 52_000_000), (0, t0_us + 50)
    cache = TrialCache(tmp_path)

    def said(*spans: tuple[int, int]) -> list[str]:
        caplog.clear()
        cut(blob, *spans, cache=cache)
        return [record.getMessage() for record in caplog.records]

    assert said(inside) == []
    for _ in range(2):
        assert said(inside, after) == [
            f"recording {blob.path}: 1 of 2 gestures reach beyond it by their labels, by up to "
            "50.000 s; what it has of them is used"
        ]
    assert "2 of 3 gestures reach beyond it" in said(before, inside, after)[0]


def test_silence_follows_a_gesture(blob: SetRecording) -> None:
    """Unpacking beyond the end gives empty frames, not those of the next gesture."""
    t0_us = all_frames(blob.path)[1]
    trial = cut(blob, (t0_us, t0_us + 50_000))[0]
    frames = trial.unpack(40, 30)
    assert frames.shape == (30, 2, SIDE, SIDE)
    assert np.array_equal(frames[:10], trial.unpack(0, 50)[40:])
    assert frames[:10].any()
    assert not frames[10:].any()
    assert not trial.unpack(60, 5).any()


def test_a_damaged_recording_is_refused(tmp_path: Path, blob: SetRecording) -> None:
    """Training on what is left of a file must not go unnoticed: the error names it."""
    path = tmp_path / "user03_led.aedat"
    path.write_bytes(blob.path.read_bytes()[:-3000])
    with pytest.raises(InputError, match=r"user03_led\.aedat.*a whole recording"):
        load_trials([replace(blob, path=path)], rows=SIDE, columns=SIDE)


def test_a_damaged_recording_of_the_layout_is_refused(tmp_path: Path, simulated_set: Path) -> None:
    """The same for AEDAT 3.1, cut in the middle of a packet."""
    recording = read_gesture_set(simulated_set).recordings[0]
    path = tmp_path / recording.path.name
    data = recording.path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(InputError, match=path.name):
        load_trials([replace(recording, path=path)], rows=SIDE, columns=SIDE)


def test_progress_is_told_after_every_recording(simulated_set: Path) -> None:
    """With recordings read and recordings in all."""
    told: list[tuple[int, int]] = []
    recordings = read_gesture_set(simulated_set).of("train")
    load_trials(
        recordings, rows=SIDE, columns=SIDE, progress=lambda done, total: told.append((done, total))
    )
    assert told == [(1, 2), (2, 2)]
