"""The class "none": idle time as something to be taught, read as "unsure"."""

from __future__ import annotations

from collections.abc import Sequence

NONE = "none"
"""A network cannot vote for nobody: what is no gesture gets an answer of its own."""


def shown_class(class_names: Sequence[str], gesture_class: int) -> int:
    """The class (from 1) that a label says: 0, "unsure", where the network says "none"."""
    if gesture_class and class_names[gesture_class - 1] == NONE:
        return 0
    return gesture_class
