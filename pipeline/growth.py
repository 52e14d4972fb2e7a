"""Weights that grow out of all proportion while they are still finite are noticed here."""

from __future__ import annotations

from models.engine import Engine
from models.teaching import Teaching

CHECK_EVERY_FRAMES = 50
"""50 ms of the stream; not at each, for large networks have a million weights to look at."""
MOST_GROWTH = 10.0
"""Of a layer's largest weight or readout, over what it was. Chosen, not measured: far above what
lessons do, and soon passed by steps that run away."""


class Growth:
    """Compares the largest weights of each layer with those begun with."""

    def __init__(self, engine: Engine, teaching: Teaching) -> None:
        self._engine, self._teaching = engine, teaching
        self._frames = 0
        self.begin()

    def begin(self) -> None:
        """What the weights are now is what they should be like."""
        self._usual = self._teaching.largest()
        self._updates = self._engine.updates

    def is_too_large_by_now(self) -> bool:
        """To be asked after every frame; looks now and then."""
        self._frames += 1
        return self._frames >= CHECK_EVERY_FRAMES and self.is_too_large()

    def is_too_large(self) -> bool:
        """Looks at weights that changed since it did so last."""
        self._frames = 0
        if self._engine.updates == self._updates:
            return False
        self._updates = self._engine.updates
        now = self._teaching.largest()
        # Not "larger": a comparison with what is no number is never true.
        return not all(
            value <= MOST_GROWTH * usual for value, usual in zip(now, self._usual, strict=True)
        )
