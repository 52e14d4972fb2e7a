"""How the Adamax step falls while an experiment learns."""

from __future__ import annotations

import math

LAST_SHARE = 0.02


def cosine(done: float) -> float:
    """Share of the first step after a share `done` of all minibatches: from 1 to `LAST_SHARE`."""
    return LAST_SHARE + (1.0 - LAST_SHARE) * 0.5 * (1.0 + math.cos(math.pi * done))
