"""Frames as rows of bytes."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.frame_rows import from_rows, to_rows


@pytest.mark.parametrize(("counts", "size"), [(False, 9), (True, 70)])
@pytest.mark.parametrize("number", [0, 1, 5])
def test_rows_give_back_their_frames(counts: bool, size: int, number: int) -> None:
    """Cells that are no whole number of bytes, and no frames at all, too."""
    frames = np.random.default_rng(1).integers(0, 256 if counts else 2, (number, 2, 5, 7))
    rows = to_rows(frames.astype(np.uint8), counts=counts)
    assert rows.shape == (number, size)
    assert rows.dtype == np.uint8
    assert np.array_equal(from_rows(rows, (2, 5, 7), counts=counts), frames)
