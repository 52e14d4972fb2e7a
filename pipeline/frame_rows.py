"""Frames as rows of bytes: eight cells to a byte, or one, where events are counted."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.uint8]
"""shape (n, bytes)."""


def to_rows(frames: npt.NDArray[np.uint8], *, counts: bool) -> Rows:
    """Each of n frames, whatever the shape of one, as a row."""
    flat = frames.reshape(len(frames), math.prod(frames.shape[1:]))
    return flat if counts else np.packbits(flat, axis=1)


def from_rows(rows: Rows, shape: tuple[int, ...], *, counts: bool) -> npt.NDArray[np.uint8]:
    """What `to_rows` got: n frames of this shape each."""
    flat = rows if counts else np.unpackbits(rows, axis=1, count=math.prod(shape))
    return flat.reshape(len(rows), *shape)
