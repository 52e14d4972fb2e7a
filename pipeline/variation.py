"""Changes of labelled frames, so that a few recordings stand for more: moved, turned, paced, and
mirrored or played backwards where the caller knows what class that makes of them (`symmetry`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from drivers.errors import InputError
from pipeline.binning import MOST_COUNTED, Frames


@dataclass(frozen=True, slots=True)
class Variation:
    """How far changes go; what is left at its default is not drawn at all."""

    shift_cells: int = 0
    """Moved by up to so many cells each way."""
    rotate_up_to_degrees: float = 0.0
    """Turned about the middle by up to so much, either way."""
    zoom_up_to: float = 1.0
    """Resized about the middle by a factor between 1 / this and this."""
    speed_up_to: float = 1.0
    """Read so many times as fast, between 1 / this and this; 1.25 is 0.8 to 1.25 times."""
    drop_up_to: float = 0.0
    """A share of the active cells, or of events where they are counted, is lost: up to this."""

    def __post_init__(self) -> None:
        for what, got, good, allowed in (
            ("shift", self.shift_cells, 0 <= self.shift_cells <= 16, "0 to 16 cells"),
            (
                "rotation",
                self.rotate_up_to_degrees,
                0.0 <= self.rotate_up_to_degrees <= 45.0,
                "0 to 45 degrees",
            ),
            ("zoom", self.zoom_up_to, 1.0 <= self.zoom_up_to <= 2.0, "1 to 2"),
            ("speed", self.speed_up_to, 1.0 <= self.speed_up_to <= 4.0, "1 to 4"),
            ("share to drop", self.drop_up_to, 0.0 <= self.drop_up_to < 1.0, "0 to below 1"),
        ):
            if not good:
                raise InputError(
                    what=f"crop {what}", got=str(got), allowed=allowed, todo="mend the setting"
                )


@dataclass(frozen=True, slots=True)
class Change:
    """One drawn change."""

    down: int = 0
    right: int = 0
    degrees: float = 0.0
    zoom: float = 1.0
    drop: float = 0.0
    seed: int = 0
    """Of what is dropped."""
    mirrored: bool = False
    """Left and right exchanged."""
    backwards: bool = False
    """The last frame first, ON and OFF exchanged: what grew brighter then grows darker."""


def draw_speed(variation: Variation, rng: np.random.Generator) -> float:
    """How many times as fast a crop is read; drawn first, as where a crop can begin follows."""
    return _factor(variation.speed_up_to, rng)


def draw_change(variation: Variation, rng: np.random.Generator) -> Change:
    """All else that becomes of a crop; the same generator state gives the same change."""
    drawn: dict[str, Any] = {}
    if variation.shift_cells:
        moved = rng.integers(-variation.shift_cells, variation.shift_cells + 1, size=2)
        drawn["down"], drawn["right"] = (int(cells) for cells in moved)
    if variation.rotate_up_to_degrees:
        drawn["degrees"] = variation.rotate_up_to_degrees * (2.0 * rng.random() - 1.0)
    drawn["zoom"] = _factor(variation.zoom_up_to, rng)
    if variation.drop_up_to:
        drawn["drop"] = variation.drop_up_to * rng.random()
        drawn["seed"] = int(rng.integers(0, 2**63))
    return Change(**drawn)


def _factor(most: float, rng: np.random.Generator) -> float:
    return 1.0 if most == 1.0 else float(most ** (2.0 * rng.random() - 1.0))


def frames_read(steps: int, speed: float) -> int:
    """Frames of a recording that `steps` frames read at this speed take."""
    return math.ceil(steps * speed)


def changed(
    frames: Frames, change: Change, *, steps: int, speed: float = 1.0, counts: bool = False
) -> Frames:
    """What becomes of frames, shape (n, 2, rows, columns): `steps` frames of that shape.

    With `counts` cells hold numbers of events, and those that come to lie in one cell add up.

    Frame k of what is read goes to frame k / speed; `frames_read` says how many are needed. Only
    active cells are worked on, so that it costs little where few are. What leaves the frame is
    lost, and nothing comes in.
    """
    if change == Change() and speed == 1.0 and len(frames) == steps:
        return frames
    rows, columns = frames.shape[-2:]
    t, sign, y, x = np.nonzero(frames != 0 if counts else frames.view(np.bool_))
    if counts:
        # One entry for every event, as binary frames have one for every active cell.
        events = frames[t, sign, y, x]
        t, sign, y, x = (np.repeat(along, events) for along in (t, sign, y, x))
    if change.backwards:
        t, sign = len(frames) - 1 - t, 1 - sign
    if change.mirrored:
        x = columns - 1 - x
    if change.drop:
        kept = np.random.default_rng(change.seed).random(len(t)) >= change.drop
        t, sign, y, x = t[kept], sign[kept], y[kept], x[kept]
    if change.degrees or change.zoom != 1.0:
        y, x = _turned(y, x, rows, columns, change)
    y, x = y + change.down, x + change.right
    t = (t / speed).astype(np.int64)
    seen = (t < steps) & (y >= 0) & (y < rows) & (x >= 0) & (x < columns)
    found = np.zeros((steps, *frames.shape[1:]), np.int32 if counts else np.uint8)
    places = t[seen], sign[seen], y[seen], x[seen]
    if not counts:
        found[places] = 1
        return found
    np.add.at(found, places, 1)
    return np.minimum(found, MOST_COUNTED).astype(np.uint8)


def _turned(
    y: npt.NDArray[np.int64], x: npt.NDArray[np.int64], rows: int, columns: int, change: Change
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Cells turned and resized about the middle of the frame."""
    radians = math.radians(change.degrees)
    cosine, sine = change.zoom * math.cos(radians), change.zoom * math.sin(radians)
    middle_y, middle_x = (rows - 1) / 2.0, (columns - 1) / 2.0
    from_y, from_x = y - middle_y, x - middle_x
    turned_y = np.rint(sine * from_x + cosine * from_y + middle_y).astype(np.int64)
    turned_x = np.rint(cosine * from_x - sine * from_y + middle_x).astype(np.int64)
    return turned_y, turned_x
