"""Labelled gestures of a set as 1 ms frames, kept as bits: one gesture takes 256 bytes a ms, and
eight times as many where events are counted.

A recording is cut once: what it gave is kept in a cache, and mapped into memory from then on.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from drivers.errors import InputError
from pipeline.binning import FrameBinner, Frames, centred_view
from pipeline.frame_rows import Rows, from_rows, to_rows
from pipeline.grid import Grid
from pipeline.trial_archive import TrialArchive, open_archive, source_of, write_archive
from pipeline.workers import worker_pool
from recordings.dvsgesture import SetRecording
from recordings.formats import open_recording
from recordings.labels import MOST_US, GestureInterval

LOG = logging.getLogger(__name__)

BIN_US = 1000
TRIAL_FRAMES = 1800
"""Of a gesture, from its beginning, is judged by: the paper's protocol."""


class LabelledFrames(Protocol):
    """What training and evaluation ask of one labelled gesture."""

    @property
    def gesture_class(self) -> int:
        """Counted from 1."""

    @property
    def user(self) -> int:
        """Who performed it; 0 where nobody is named."""

    @property
    def light(self) -> str:
        """Under which light; nothing where none is named."""

    @property
    def frames(self) -> int:
        """Length in frames of 1 ms."""

    @property
    def counts(self) -> bool:
        """Whether cells hold numbers of events, and not whether there was one."""

    def unpack(self, begin: int, count: int) -> Frames:
        """Frames `[begin, begin + count)`, silent ones where the gesture has ended.

        Shape (count, 2, rows, columns).
        """


@dataclass(frozen=True, slots=True)
class TrialFrames:
    """The frames of one labelled gesture, kept as rows of bytes; see `LabelledFrames`."""

    gesture_class: int
    """Counted from 1."""
    user: int
    light: str
    bits: Rows
    """shape (frames, bytes): each frame's cells, ON before OFF, rows from the top."""
    rows: int
    columns: int
    file: Path | None = None
    """What `bits` are mapped from; None where they are in memory only."""
    offset: int = 0
    """Of `bits` in `file`."""
    counts: bool = False
    """Cells are numbers of events, a byte each, and not bits."""

    def __reduce__(self) -> tuple[Any, ...]:
        """To another process: mapped bits are mapped there too, and not copied."""
        about = (self.gesture_class, self.user, self.light)
        grid = (self.rows, self.columns)
        if self.file is None:
            return TrialFrames, (*about, self.bits, *grid, None, 0, self.counts)
        place = (self.file, self.offset, self.bits.shape)
        return _mapped, (*about, *place, *grid, self.counts)

    @property
    def frames(self) -> int:
        """Length in frames of 1 ms."""
        return int(self.bits.shape[0])

    def cut(self, begin: int, end: int) -> TrialFrames:
        """Frames `[begin, end)` as a trial of their own, mapped where these are."""
        offset = self.offset + begin * self.bits.shape[1]
        return replace(self, bits=self.bits[begin:end], offset=offset)

    def unpack(self, begin: int, count: int) -> Frames:
        """Frames `[begin, begin + count)`, silent ones where the gesture has ended.

        Shape (count, 2, rows, columns).
        """
        bits = self.bits[begin : begin + count]
        frames = np.zeros((count, 2, self.rows, self.columns), dtype=np.uint8)
        frames[: len(bits)] = from_rows(bits, frames.shape[1:], counts=self.counts)
        return frames


@dataclass(frozen=True, slots=True)
class TrialCache:
    """Where recordings that were cut are kept, and how many processes cut them."""

    folder: Path | None = None
    """None: nothing is kept."""
    processes: int = 0
    """0: this one cuts."""

    def path(self, recording: SetRecording, grid: Grid) -> Path:
        """The archive of a recording; recordings of one name in two folders have two."""
        place = hashlib.blake2b(str(recording.path.resolve()).encode(), digest_size=6).hexdigest()
        name = f"{recording.path.stem}-{grid.name}-{place}.safetensors"
        return (self.folder or Path()) / name


def load_trials(
    recordings: Sequence[SetRecording],
    *,
    rows: int,
    columns: int,
    counts: bool = False,
    cache: TrialCache = TrialCache(),
    progress: Callable[[int, int], None] | None = None,
) -> list[TrialFrames]:
    """All labelled gestures of `recordings`, in order; with `counts`, cells count their events.

    What the cache has of a recording is used if it was made from the file and the labels as they
    are; if it is damaged, a warning says so and it is made anew. Another names recordings that do
    not have all that their labels say. `progress` is called with recordings read and recordings in
    all. A damaged recording raises `InputError`: training and testing on part of a set must not go
    unnoticed.
    """
    done = 0
    grid = Grid(rows, columns, counts)

    def count(_recording: object) -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, len(recordings))

    kept: dict[int, list[TrialFrames]] = {}
    for number, recording in enumerate(recordings):
        found = _from_cache(recording, grid, cache)
        if found is not None:
            kept[number] = found
            count(recording)
    missing = [number for number in range(len(recordings)) if number not in kept]
    tasks = [(recordings[number], grid, cache) for number in missing]
    if cache.processes and len(missing) > 1:
        with worker_pool(min(cache.processes, len(missing))) as pool:
            futures = [pool.submit(_cut_and_keep, *task) for task in tasks]
            try:
                for number, future in zip(missing, futures, strict=True):
                    kept[number] = future.result()
                    count(number)
            except BaseException:
                # What has not begun is not worth waiting for.
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    else:
        for number, task in zip(missing, tasks, strict=True):
            kept[number] = _cut_and_keep(*task)
            count(number)
    for number, recording in enumerate(recordings):
        _say_what_is_missing(recording, kept[number])
    return [trial for number in range(len(recordings)) for trial in kept[number]]


def _say_what_is_missing(recording: SetRecording, trials: Sequence[TrialFrames]) -> None:
    """Tell of gestures that are shorter than their labels say."""
    missing = [
        # Whole frames of the label: where they begin, there may be one more.
        (interval.t_end_us - interval.t_begin_us) // BIN_US - trial.frames
        for interval, trial in zip(recording.intervals, trials, strict=True)
        if interval.t_end_us < MOST_US  # else all there is was asked for
    ]
    most = max(missing, default=0)
    if most > 0:
        LOG.warning(
            "recording %s: %d of %d gestures reach beyond it by their labels, by up to %.3f s; "
            "what it has of them is used",
            *(recording.path, sum(frames > 0 for frames in missing), len(missing), most / 1000),
        )


def _from_cache(recording: SetRecording, grid: Grid, cache: TrialCache) -> list[TrialFrames] | None:
    if cache.folder is None:
        return None
    path = cache.path(recording, grid)
    archive = open_archive(path, source_of(recording, grid))
    if isinstance(archive, str):
        LOG.warning("cache %s: %s; it is made anew", path, archive)
    if not isinstance(archive, TrialArchive):
        return None
    about = [
        (interval.gesture_class, recording.user, recording.light)
        for interval in recording.intervals
    ]
    return archived(archive, about, grid)


def archived(
    archive: TrialArchive, about: Sequence[tuple[int, int, str]], grid: Grid
) -> list[TrialFrames]:
    """The gestures of an archive, mapped; `about` has class, user and light of each."""
    trials: list[TrialFrames] = []
    begin = 0
    for (gesture_class, user, light), frames in zip(about, archive.frames, strict=True):
        trials.append(
            TrialFrames(
                gesture_class=gesture_class,
                user=user,
                light=light,
                bits=archive.bits[begin : begin + frames],
                rows=grid.rows,
                columns=grid.columns,
                file=archive.path,
                offset=archive.offset + begin * archive.bits.shape[1],
                counts=grid.counts,
            )
        )
        begin += frames
    return trials


def _mapped(
    gesture_class: int,
    user: int,
    light: str,
    file: Path,
    offset: int,
    shape: tuple[int, int],
    rows: int,
    columns: int,
    counts: bool,
) -> TrialFrames:
    """A gesture whose bits are mapped from an archive."""
    bits = (
        np.memmap(file, np.uint8, mode="r", offset=offset, shape=shape)
        if shape[0]
        else np.zeros(shape, np.uint8)
    )
    return TrialFrames(gesture_class, user, light, bits, rows, columns, file, offset, counts)


def _cut_and_keep(recording: SetRecording, grid: Grid, cache: TrialCache) -> list[TrialFrames]:
    """The gestures of a recording, written to the cache and mapped from there."""
    if cache.folder is None:
        return list(_cut(recording, grid))
    # Asked before the recording is read: if it changes meanwhile, its archive is not valid.
    source = source_of(recording, grid)
    gestures = [trial.bits for trial in _cut(recording, grid)]
    write_archive(cache.path(recording, grid), source, gestures)
    kept = _from_cache(recording, grid, cache)
    if kept is None:
        raise InputError(
            what=f"recording {recording.path}",
            got="a file that changed while it was read",
            allowed="one at rest",
            todo="try again when it has been copied",
        )
    return kept


def _cut(recording: SetRecording, grid: Grid) -> Iterator[TrialFrames]:
    with open_recording(recording.path) as source:
        view = centred_view(source.sensor, grid.columns, grid.rows)
        binner = FrameBinner(source.sensor, view, bin_us=BIN_US, counts=grid.counts)
        t0_us: int | None = None
        chunks: list[Rows] = []
        for packet in source:
            if t0_us is None:
                t0_us = packet.t_begin_us
            chunks += [to_rows(new, counts=grid.counts) for new in binner.iter_push(packet)]
        chunks.append(to_rows(binner.finish(), counts=grid.counts))
        if source.damage is not None:
            raise InputError(
                what=f"recording {recording.path}",
                got=source.damage,
                allowed="a whole recording",
                todo="copy it again, or take it off the lists of the set",
            )
    bits = np.concatenate(chunks)
    for interval in recording.intervals:
        first, last = _frames_of(interval, t0_us or 0)
        yield TrialFrames(
            gesture_class=interval.gesture_class,
            user=recording.user,
            light=recording.light,
            bits=bits[first:last],
            rows=grid.rows,
            columns=grid.columns,
            counts=grid.counts,
        )


def _frames_of(interval: GestureInterval, t0_us: int) -> tuple[int, int]:
    """The frames that begin inside the interval, as a half-open range."""
    first = -(-(interval.t_begin_us - t0_us) // BIN_US)
    last = -(-(interval.t_end_us - t0_us) // BIN_US)
    return max(first, 0), max(last, 0)
