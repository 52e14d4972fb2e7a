"""Labelled samples of events in one npz file, as N-MNIST's subset comes, and their 1 ms frames."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from drivers.errors import InputError, in_words
from pipeline.binning import Frames

BIN_US = 1000
_FIELDS = ("t_us", "x", "y", "on")


@dataclass(frozen=True, slots=True)
class EventSamples:
    """N samples; those of sample i are `events[offsets[i] : offsets[i + 1]]`."""

    events: npt.NDArray[np.void]
    """Fields t_us (from the sample's beginning), x, y, on."""
    offsets: npt.NDArray[np.int64]
    """shape (N + 1,)."""
    classes: npt.NDArray[np.int64]
    """From 0, shape (N,)."""

    def __len__(self) -> int:
        return len(self.classes)

    def frames(
        self,
        sample: int,
        *,
        side: int,
        steps: int,
        right: int = 0,
        down: int = 0,
        pixels_per_cell: int = 1,
    ) -> Frames:
        """Binary frames of shape (steps, 2, side, side), ON before OFF; else as `count_frames`."""
        counted = self.count_frames(
            sample,
            side=side,
            steps=steps,
            right=right,
            down=down,
            pixels_per_cell=pixels_per_cell,
        )
        return np.minimum(counted, 1)

    def count_frames(
        self,
        sample: int,
        *,
        side: int,
        steps: int,
        right: int = 0,
        down: int = 0,
        pixels_per_cell: int = 1,
    ) -> Frames:
        """Events of each cell and millisecond, shape (steps, 2, side, side), ON before OFF.

        Everything may be moved by some pixels; what leaves the frame, or comes after its steps, is
        left out. A cell is so many pixels wide and high.
        """
        events = self.events[self.offsets[sample] : self.offsets[sample + 1]]
        t = events["t_us"].astype(np.int64) // BIN_US
        x = (events["x"].astype(np.int64) + right) // pixels_per_cell
        y = (events["y"].astype(np.int64) + down) // pixels_per_cell
        seen = (t < steps) & (x >= 0) & (x < side) & (y >= 0) & (y < side)
        frames = np.zeros((steps, 2, side, side), np.uint8)
        np.add.at(frames, (t[seen], 1 - events["on"][seen].astype(np.int64), y[seen], x[seen]), 1)
        return frames

    def counts(self, *, side: int) -> npt.NDArray[np.float32]:
        """Events of each pixel and sign over the whole sample, shape (N, 2 * side * side)."""
        found = np.zeros((len(self), 2 * side * side), np.float32)
        for sample in range(len(self)):
            events = self.events[self.offsets[sample] : self.offsets[sample + 1]]
            x, y = events["x"].astype(np.int64), events["y"].astype(np.int64)
            seen = (x < side) & (y < side)
            cells = ((1 - events["on"].astype(np.int64)) * side + y) * side + x
            found[sample] = np.bincount(cells[seen], minlength=2 * side * side)
        return found


def read_event_samples(path: Path, *, classes: int) -> EventSamples:
    """Read such a file; raises `InputError` for anything that does not fit."""

    def refused(got: str) -> InputError:
        return InputError(
            what=f"event samples {path}",
            got=got,
            allowed="an npz with events (t_us, x, y, on), offsets (N + 1) and labels (N)",
            todo="give a file of that form",
        )

    try:
        # Without pickle, nothing in the file can run code.
        with np.load(path, allow_pickle=False) as file:
            events, offsets, labels = file["events"], file["offsets"], file["labels"]
    except (OSError, ValueError, KeyError, BadZipFile, AttributeError) as error:
        raise refused(in_words(error)) from error
    if events.dtype.names is None or not set(_FIELDS) <= set(events.dtype.names):
        raise refused(f"events with the fields {events.dtype.names}")
    offsets = offsets.astype(np.int64)
    whole = len(offsets) > 1 and offsets[0] == 0 and offsets[-1] == len(events)
    if not whole or (np.diff(offsets) < 0).any() or len(labels) != len(offsets) - 1:
        raise refused(f"{len(offsets)} offsets for {len(events)} events and {len(labels)} labels")
    if labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= classes:
        raise refused(f"labels other than 0 to {classes - 1}")
    return EventSamples(events, offsets, labels.astype(np.int64))
