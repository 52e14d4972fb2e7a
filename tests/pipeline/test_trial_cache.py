"""Recordings that are cut once and kept."""

from __future__ import annotations

import logging
import os
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from drivers.errors import InputError
from pipeline import trials
from pipeline.grid import Grid
from pipeline.trials import TrialCache, TrialFrames, load_trials
from recordings.dvsgesture import SetRecording, read_gesture_set

SIDE = 16


@pytest.fixture
def folder(simulated_set: Path, tmp_path: Path) -> Path:
    """A set of one's own: user 1 under two lights, two gestures each."""
    return shutil.copytree(simulated_set, tmp_path / "set")


@pytest.fixture
def cache(tmp_path: Path) -> TrialCache:
    """An empty cache, its folder not made yet."""
    return TrialCache(tmp_path / "cache")


def load(
    folder: Path, cache: TrialCache, rows: int = SIDE, *, counts: bool = False
) -> list[TrialFrames]:
    """The gestures to train on, by the set as it is."""
    return load_trials(
        read_gesture_set(folder).of("train"), rows=rows, columns=SIDE, counts=counts, cache=cache
    )


def cut_again(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A list that recordings are put on as they are cut."""
    cut: list[str] = []
    real = trials._cut

    def counting(recording: SetRecording, grid: Grid):
        cut.append(recording.path.name)
        return real(recording, grid)

    monkeypatch.setattr(trials, "_cut", counting)
    return cut


def same(one: list[TrialFrames], two: list[TrialFrames]) -> bool:
    """Whether gestures agree in all that training sees."""
    return all(
        (a.gesture_class, a.user, a.light, a.rows) == (b.gesture_class, b.user, b.light, b.rows)
        and np.array_equal(a.bits, b.bits)
        for a, b in zip(one, two, strict=True)
    )


def test_a_recording_is_cut_once(folder: Path, cache: TrialCache, monkeypatch) -> None:
    """What comes from the cache is what was cut, and is mapped, not read."""
    cut = cut_again(monkeypatch)
    plain = load(folder, TrialCache())
    first, second = load(folder, cache), load(folder, cache)
    assert same(plain, first)
    assert same(first, second)
    assert cut == ["user01_led.aedat", "user01_natural.aedat"] * 2  # without a cache, and once
    assert all(isinstance(trial.bits, np.memmap) for trial in second)
    assert sum(trial.frames for trial in second) == 1200


def test_what_it_was_made_from_is_checked(folder: Path, cache: TrialCache, monkeypatch) -> None:
    """Another time, other labels and another grid each cut anew, what has changed only."""
    load(folder, cache)
    cut = cut_again(monkeypatch)
    recording = folder / "user01_led.aedat"
    os.utime(recording, ns=(0, 1_000_000_000))
    load(folder, cache)
    assert cut == ["user01_led.aedat"]
    labels = folder / "user01_natural_labels.csv"
    labels.write_text("".join(labels.read_text().splitlines(keepends=True)[:-1]))
    assert len(load(folder, cache)) == 3
    assert cut[1:] == ["user01_natural.aedat"]
    assert load(folder, cache, rows=8)[0].rows == 8
    assert len(cut) == 4


@pytest.mark.parametrize("damage", ["bit", "end", "header", "nothing left"])
def test_a_damaged_cache_is_said_and_made_anew(
    folder: Path, cache: TrialCache, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    """One bit, a lost end, a spoilt header, an empty file: the gestures are right all the same."""
    before = load(folder, cache)
    path = before[0].file
    data = bytearray(path.read_bytes())
    if damage == "bit":
        data[-1000] ^= 1
    elif damage == "header":
        data[20] ^= 255
    data = {"end": data[:-7], "nothing left": data[:0]}.get(damage, data)
    plain = load(folder, TrialCache())
    path.unlink()  # what is mapped stays as it was
    path.write_bytes(data)
    with caplog.at_level(logging.WARNING):
        assert same(load(folder, cache), plain)
    (record,) = caplog.records
    assert "it is made anew" in record.getMessage()
    assert path.name in record.getMessage()
    caplog.clear()
    assert same(load(folder, cache), plain)
    assert not caplog.records


def test_mapped_gestures_go_to_a_process_as_a_place(folder: Path, cache: TrialCache) -> None:
    """Pickled, they take a few hundred bytes and are the same; others are copied."""
    mapped, plain = load(folder, cache)[1], load(folder, TrialCache())[1]
    packed = pickle.dumps(mapped)
    assert len(packed) < 1000 < plain.bits.nbytes < len(pickle.dumps(plain))
    assert same([pickle.loads(packed)], [plain])
    assert same([pickle.loads(pickle.dumps(plain))], [plain])


def test_counted_events_are_kept_apart(folder: Path, cache: TrialCache, monkeypatch) -> None:
    """Cut once too, beside what is binary, mapped elsewhere, and a part of a gesture as well."""
    cut = cut_again(monkeypatch)
    binary, counted = load(folder, cache), load(folder, cache, counts=True)
    again = load(folder, cache, counts=True)
    assert len(cut) == 4
    assert {trial.file for trial in binary}.isdisjoint(trial.file for trial in counted)
    assert same(counted, again)
    for two, one in zip(counted, binary, strict=True):
        frames = two.unpack(0, two.frames)
        assert np.array_equal(np.minimum(frames, 1), one.unpack(0, one.frames))
        assert frames.max() > 1
        elsewhere = pickle.loads(pickle.dumps(two)).cut(20, 60)
        assert np.array_equal(elsewhere.unpack(0, 40), frames[20:60])
    assert same([pickle.loads(pickle.dumps(load(folder, TrialCache(), counts=True)[0]))], again[:1])
    assert same(load(folder, cache), binary)


def test_a_gesture_without_frames_is_kept_too(folder: Path, cache: TrialCache) -> None:
    """Labels beyond the recording's end give gestures of no length, from the cache as well."""
    recording = read_gesture_set(folder).of("train")[0]
    far = replace(recording.intervals[0], t_begin_us=10**9, t_end_us=2 * 10**9)
    recordings = [replace(recording, intervals=(far,))]
    for _ in range(2):
        (trial,) = load_trials(recordings, rows=SIDE, columns=SIDE, cache=cache)
        assert trial.frames == pickle.loads(pickle.dumps(trial)).frames == 0
        assert not trial.unpack(0, 5).any()


def test_several_processes_cut_the_same(folder: Path, cache: TrialCache, tmp_path: Path) -> None:
    """In the order of the set, told one by one; what is damaged is refused there too."""
    told: list[tuple[int, int]] = []
    many = load_trials(
        read_gesture_set(folder).of("train"),
        rows=SIDE,
        columns=SIDE,
        cache=replace(cache, processes=2),
        progress=lambda done, total: told.append((done, total)),
    )
    assert same(many, load(folder, TrialCache()))
    assert told == [(1, 2), (2, 2)]
    for name in ("user01_led.aedat", "user01_natural.aedat"):
        (folder / name).write_bytes((folder / name).read_bytes()[:-3000])
    with pytest.raises(InputError, match=r"user01_\w+\.aedat.*a whole recording"):
        load(folder, replace(cache, processes=2))


def test_a_cache_that_cannot_be_written_is_refused(folder: Path, tmp_path: Path) -> None:
    """A file in the folder's place is one clear error."""
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="--cache"):
        load(folder, TrialCache(tmp_path / "file" / "cache"))
