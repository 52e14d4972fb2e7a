"""The eleven DvsGesture classes, counted from 1 as in its label files."""

from __future__ import annotations

from drivers.errors import InputError

GESTURE_NAMES: tuple[str, ...] = (
    "hand clapping",
    "right hand wave",
    "left hand wave",
    "right arm clockwise",
    "right arm counter-clockwise",
    "left arm clockwise",
    "left arm counter-clockwise",
    "arm roll",
    "air drums",
    "air guitar",
    "other gestures",
)
"""Index 0 holds class 1. Left and right are the performer's."""


def gesture_class(name: str) -> int:
    """The class (from 1) of a gesture's name; `-`, `_` and case do not matter.

    Raises `InputError` for a name that is none of the eleven.
    """

    def plain(text: str) -> str:
        return " ".join(text.lower().replace("_", " ").replace("-", " ").split())

    for number, known in enumerate(GESTURE_NAMES, start=1):
        if plain(name) in (plain(known), str(number)):
            return number
    raise InputError(
        what="gesture name",
        got=repr(name),
        allowed=", ".join(repr(known) for known in GESTURE_NAMES),
        todo="use one of these names, or its number from 1 to 11",
    )
