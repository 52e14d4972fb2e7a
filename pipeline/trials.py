"""Labelled gestures of a set as 1 ms frames, kept as bits: one gesture takes 256 bytes a ms."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from drivers.errors import InputError
from pipeline.binning import FrameBinner, Frames, centred_view
from recordings.dvsgesture import SetRecording
from recordings.formats import open_recording
from recordings.labels import GestureInterval

BIN_US = 1000


@dataclass(frozen=True, slots=True)
class TrialFrames:
    """The frames of one labelled gesture."""

    gesture_class: int
    """Counted from 1."""
    user: int
    light: str
    bits: npt.NDArray[np.uint8]
    """shape (frames, bytes): each frame's cells packed, ON before OFF, rows from the top."""
    rows: int
    columns: int

    @property
    def frames(self) -> int:
        """Length in frames of 1 ms."""
        return int(self.bits.shape[0])

    def unpack(self, begin: int, count: int) -> Frames:
        """Frames `[begin, begin + count)`, silent ones where the gesture has ended.

        Shape (count, 2, rows, columns).
        """
        bits = self.bits[begin : begin + count]
        cells = 2 * self.rows * self.columns
        frames = np.zeros((count, 2, self.rows, self.columns), dtype=np.uint8)
        frames.reshape(count, cells)[: bits.shape[0]] = np.unpackbits(bits, axis=1, count=cells)
        return frames


def load_trials(
    recordings: Sequence[SetRecording],
    *,
    rows: int,
    columns: int,
    progress: Callable[[int, int], None] | None = None,
) -> list[TrialFrames]:
    """All labelled gestures of `recordings`, in order.

    `progress` is called with recordings read and recordings in all. A damaged recording raises
    `InputError`: training and testing on part of a set must not go unnoticed.
    """
    trials: list[TrialFrames] = []
    for number, recording in enumerate(recordings, start=1):
        trials.extend(_cut(recording, rows, columns))
        if progress is not None:
            progress(number, len(recordings))
    return trials


def _cut(recording: SetRecording, rows: int, columns: int) -> Iterator[TrialFrames]:
    with open_recording(recording.path) as source:
        view = centred_view(source.sensor, columns, rows)
        binner = FrameBinner(source.sensor, view, bin_us=BIN_US)
        t0_us: int | None = None
        packed: list[npt.NDArray[np.uint8]] = []
        for packet in source:
            if t0_us is None:
                t0_us = packet.t_begin_us
            packed.extend(_pack(binner.iter_push(packet)))
        packed.extend(_pack([binner.finish()]))
        if source.damage is not None:
            raise InputError(
                what=f"recording {recording.path}",
                got=source.damage,
                allowed="a whole recording",
                todo="copy it again, or take it off the lists of the set",
            )
    bits = np.concatenate(packed) if packed else np.zeros((0, 2 * rows * columns // 8), np.uint8)
    for interval in recording.intervals:
        first, last = _frames_of(interval, t0_us or 0)
        yield TrialFrames(
            gesture_class=interval.gesture_class,
            user=recording.user,
            light=recording.light,
            bits=bits[first:last],
            rows=rows,
            columns=columns,
        )


def _pack(chunks: Iterable[Frames]) -> Iterator[npt.NDArray[np.uint8]]:
    for frames in chunks:
        yield np.packbits(frames.reshape(frames.shape[0], math.prod(frames.shape[1:])), axis=1)


def _frames_of(interval: GestureInterval, t0_us: int) -> tuple[int, int]:
    """The frames that begin inside the interval, as a half-open range."""
    first = -(-(interval.t_begin_us - t0_us) // BIN_US)
    last = -(-(interval.t_end_us - t0_us) // BIN_US)
    return max(first, 0), max(last, 0)
