"""Counters of a few bits carried on to 64: each step is taken as the shorter way round."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


class Clock32:
    """Times of 32 bits that wrap, as AEDAT 2.0 and DAT have them."""

    def __init__(self) -> None:
        self._raw: int | None = None
        self._t_us = 0

    def carry_on(self, raw: npt.NDArray[np.uint32]) -> npt.NDArray[np.int64]:
        """The times behind those of the calls before; shape (n,), us, negative only before 0."""
        if raw.size == 0:
            return np.empty(0, dtype=np.int64)
        times = raw.astype(np.uint32)
        if self._raw is None:
            self._raw = self._t_us = int(times[0])
        steps = np.diff(times, prepend=np.uint32(self._raw)).view(np.int32)
        t: npt.NDArray[np.int64] = self._t_us + np.cumsum(steps, dtype=np.int64)
        self._raw, self._t_us = int(times[-1]), int(t[-1])
        return t
