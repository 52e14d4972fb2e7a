"""Options of event cameras as text: biases, a region of interest, an event rate."""

from __future__ import annotations

import re
from dataclasses import dataclass

from drivers.errors import InputError
from drivers.events import SensorSize

_REGION = re.compile(r"(\d+)x(\d+)\+(\d+)\+(\d+)")


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of the sensor: columns `[x, x + width)`, rows `[y, y + height)`, 0 at the top."""

    x: int
    y: int
    width: int
    height: int


def read_region(camera: str, text: str, sensor: SensorSize) -> Region | None:
    """`WIDTHxHEIGHT+X+Y`; None for no text. Raises `InputError`, also for one off the sensor."""
    if not text:
        return None
    found = _REGION.fullmatch(text)
    width, height, x, y = (int(part) for part in found.groups()) if found else (0, 0, 0, 0)
    if not (width and height and x + width <= sensor.width and y + height <= sensor.height):
        raise InputError(
            what=f"camera {camera}, roi",
            got=repr(text),
            allowed=f"WIDTHxHEIGHT+X+Y within {sensor.width}x{sensor.height}",
            todo="write for instance roi=128x128+40+20",
        )
    return Region(x, y, width, height)


def read_biases(camera: str, text: str) -> dict[str, int]:
    """`NAME:NUMBER+NAME:NUMBER`, numbers of either sign; raises `InputError`."""
    found: dict[str, int] = {}
    for part in filter(None, text.split("+")):
        name, colon, value = part.partition(":")
        if not colon or not re.fullmatch(r"-?\d{1,8}", value):
            raise InputError(
                what=f"camera {camera}, biases",
                got=repr(part),
                allowed="NAME:NUMBER+NAME:NUMBER",
                todo="write for instance biases=diff_on:10+diff_off:-5",
            )
        found[name] = int(value)
    return found


def check_bias(camera: str, name: str, value: int, most: int) -> None:
    """Raise `InputError` for a value beyond 0 to `most`."""
    if not 0 <= value <= most:
        raise InputError(
            what=f"camera {camera}, bias {name}",
            got=str(value),
            allowed=f"0 to {most:,}",
            todo="choose a value in between",
        )


def unknown_bias(camera: str, name: str, known: tuple[str, ...]) -> InputError:
    """What to raise for a bias that the camera does not have."""
    return InputError(
        what=f"camera {camera}, biases",
        got=repr(name),
        allowed=", ".join(known) or "none: this camera has no biases that can be set",
        todo="use one of these",
    )


def absent_option(camera: str, option: str, value: str) -> InputError:
    """What to raise for an option that this model does not have."""
    return InputError(
        what=f"camera {camera}, {option}",
        got=repr(value),
        allowed=f"nothing: this model has no {option} that could be set",
        todo="leave it out",
    )
