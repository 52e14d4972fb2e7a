"""The weights of now, kept in one file every few seconds while lessons change them, and when one
ends.
"""

from __future__ import annotations

from pathlib import Path

from models.checkpoint_file import write_checkpoint
from models.engine import Engine
from models.teaching import Teaching
from pipeline.background import BackgroundWriter
from pipeline.versions import Versions

EVERY_NS = 5_000_000_000


class LatestWeights:
    """Copies weights between two frames, and has them written beside the next ones."""

    def __init__(
        self,
        path: Path,
        engine: Engine,
        teaching: Teaching,
        versions: Versions,
        writer: BackgroundWriter,
    ) -> None:
        self._path = path
        self._engine, self._teaching = engine, teaching
        self._versions, self._writer = versions, writer
        self._next_ns = 0
        self._kept = self._state()

    def look(self, now_ns: int) -> None:
        """Keep them if they have changed and `EVERY_NS` have gone by since the last time, or if
        there is another version: whoever gave a lesson was told that it is learnt.
        """
        if now_ns >= self._next_ns or self._versions.current != self._kept[1]:
            self._next_ns = now_ns + EVERY_NS
            self.keep()

    def keep(self) -> None:
        """Keep them now, if they have changed."""
        state = self._state()
        if state == self._kept:
            return
        self._kept = state
        kept, settings, names = (
            self._teaching.keep(),
            self._engine.settings,
            self._engine.class_names,
        )
        current = self._versions.current

        def write() -> None:
            write_checkpoint(
                self._path,
                settings,
                kept.tensors(),
                names,
                parent=None,
                record={"latest": {"version": current, "updates": state[0]}},
            )

        self._writer.do(write)

    def _state(self) -> tuple[int, int, int]:
        """Something else whenever weights or classes are others."""
        return self._engine.updates, self._versions.current, len(self._engine.class_names)
