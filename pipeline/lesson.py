"""One lesson: a class, from when to when, and what the network was before it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from models.teaching import Kept
from pipeline.clips import CLIP_FRAMES, LESSON_CLIPS, pack_frame
from pipeline.decisions import FRAME_US
from pipeline.intake import Frame


@dataclass(slots=True)
class Lesson:
    """Begun when its first frame comes; times in microseconds of the stream, half-open."""

    number: int
    """From 1; those taken back keep theirs."""
    class_name: str
    gesture_class: int
    """From 1."""
    from_us: int
    until_us: int
    version_before: int
    stream: int = 0
    """Of the engine, whose frames it is of."""
    kept: Kept | None = None
    """What to go back to, from its first frame on."""
    frames: int = 0
    end_us: int = 0
    """Of its last frame."""
    bits: list[npt.NDArray[np.uint8]] = field(default_factory=list)
    """Its newest frames, packed, while it runs: enough for the clips that are kept of it."""
    bits_us: int = 0
    """Where they begin."""

    def take(self, frame: Frame, end_us: int) -> None:
        """A frame of it, shape (2, rows, columns), was stepped."""
        self.frames += 1
        self.end_us = end_us
        self.bits.append(pack_frame(frame))
        # Whole clips go, and one more is kept than will be: a last, short one may be none.
        if len(self.bits) >= (LESSON_CLIPS + 2) * CLIP_FRAMES:
            del self.bits[:CLIP_FRAMES]
            self.bits_us += CLIP_FRAMES * FRAME_US

    def described(self) -> dict[str, Any]:
        """As the control protocol has it."""
        return {"class": self.gesture_class, "t_us": self.from_us}
