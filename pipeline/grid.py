"""What recordings are cut into: cells, and what a cell of a frame holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Grid:
    """Of frames of two channels, ON and OFF."""

    rows: int
    columns: int
    counts: bool = False
    """Numbers of events, and not whether there was one."""

    @property
    def name(self) -> str:
        """For files."""
        return f"{self.rows}x{self.columns}" + ("-counts" if self.counts else "")

    def described(self) -> dict[str, Any]:
        """JSON values; counts are left out where there are none, as they were before."""
        sides = {"rows": self.rows, "columns": self.columns}
        return sides | {"counts": True} if self.counts else sides
