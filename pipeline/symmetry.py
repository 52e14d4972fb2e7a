"""What a gesture becomes in a mirror or played backwards, by the names of the classes.

In a mirror a right arm is a left one, and turns the other way; a film played backwards shows the
same arm turning the other way. Whether a class has such a counterpart only its name can say.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

Counterparts = tuple[int | None, ...]
"""Index 0 holds the counterpart of class 1, counted from 1; None for a class that has none."""

_SIDES = {"left": "right", "right": "left"}
_TURNS = {"clockwise": "counter-clockwise", "counter-clockwise": "clockwise"}
_WORD = re.compile(r"counter-clockwise|[^\W_]+")


def mirrored_classes(names: Sequence[str]) -> Counterparts:
    """The class that each is in a mirror: right and left change places, and so do turns.

    A class whose name says neither is its own, provided that others speak of sides: digits and
    letters do not, and have none.
    """
    return _counterparts(names, _SIDES | _TURNS, spoken_of=_SIDES)


def backward_classes(names: Sequence[str]) -> Counterparts:
    """The class that each is when it is played backwards: turns change places.

    A class whose name does not say a turn is its own, provided that others speak of turns.
    """
    return _counterparts(names, _TURNS, spoken_of=_TURNS)


def _counterparts(
    names: Sequence[str], exchanged: dict[str, str], spoken_of: dict[str, str]
) -> Counterparts:
    plain = [" ".join(_words(name)) for name in names]
    if not any(word in spoken_of for name in names for word in _words(name)):
        return (None,) * len(names)
    numbers = {name: number for number, name in enumerate(plain, start=1)}
    return tuple(
        numbers.get(" ".join(exchanged.get(word, word) for word in _words(name))) for name in names
    )


def _words(name: str) -> list[str]:
    text = name.lower().replace("_", " ").replace("counterclockwise", "counter-clockwise")
    return _WORD.findall(text.replace("counter clockwise", "counter-clockwise"))
