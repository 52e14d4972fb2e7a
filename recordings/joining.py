"""Arrays of events put one behind the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from drivers.events import EVENT_DTYPE, Events


def join_events(parts: Sequence[Events]) -> Events:
    """All events of some arrays, in their order: always a new array, also of one part or none.

    `np.concatenate` goes through packed fields one by one; plain bytes it copies at once.
    """
    if not parts:
        return np.empty(0, dtype=EVENT_DTYPE)
    joined: Events = np.concatenate(
        [np.ascontiguousarray(part).view(np.uint8) for part in parts]
    ).view(EVENT_DTYPE)
    return joined
