"""What became of one labelled gesture; apart from its scoring, so that a session needs no numpy."""

from __future__ import annotations

import msgspec


class GestureResult(msgspec.Struct, frozen=True, kw_only=True):
    """One labelled gesture with what the network made of it."""

    t_begin_us: int
    t_end_us: int
    true_class: int
    """As labelled, counted from 1."""
    true_label: str
    got_class: int
    """The class with the most votes of the chosen layer, or the highest score of a network that
    has a reading of its own; 0: no frame of it was seen."""
    got_label: str
    share: float
    """The winner's, in the mean over the trial: see `pipeline.gesture_score`."""
    frames: int
    """Votes that were counted."""
    layer_classes: tuple[int, ...]
    """What each layer said, from the lowest."""
