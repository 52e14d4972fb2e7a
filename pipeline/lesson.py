"""One lesson: a class, from when to when, and what the network was before it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from models.teaching import Kept


@dataclass(slots=True)
class Lesson:
    """Begun when its first frame comes; times in microseconds of the stream, half-open."""

    number: int
    """From 1; those taken back keep theirs."""
    class_name: str
    gesture_class: int
    """From 1."""
    from_us: int
    until_us: int | None
    version_before: int
    stream: int = 0
    """Of the engine, whose frames it is of."""
    kept: Kept | None = None
    """What to go back to, from its first frame on."""
    frames: int = 0
    end_us: int = 0
    """Of its last frame."""
    bits: list[npt.NDArray[np.uint8]] = field(default_factory=list)
    """Its frames, packed, while it runs."""

    def described(self) -> dict[str, Any]:
        """As the control protocol has it."""
        return {"class": self.gesture_class, "t_us": self.from_us}
