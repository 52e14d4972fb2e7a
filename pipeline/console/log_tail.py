"""The last lines of a file that others append to."""

from __future__ import annotations

from collections import deque
from pathlib import Path

LINES = 100
_MOST_BYTES = 1 << 20
"""Read at once: of what was there before the first look, the end."""


class LogTail:
    """Reads what was appended since the look before, and keeps the last lines."""

    def __init__(self, path: Path, *, without: bytes = b"\n") -> None:
        """Lines that contain `without` are left out: they would crowd out the others."""
        self._path = path
        self._without = without
        self._position: int | None = None
        self._rest = b""
        self._lines: deque[str] = deque(maxlen=LINES)

    def read(self) -> list[str] | None:
        """The last `LINES` whole lines; None where none came since, or there is no file yet."""
        try:
            with self._path.open("rb") as file:
                size = file.seek(0, 2)
                begin = max(0, size - _MOST_BYTES)
                skips = self._position is None and begin > 0
                file.seek(begin if self._position is None else self._position)
                data = self._rest + file.read(_MOST_BYTES)
                self._position = file.tell()
        except OSError:
            return None
        *whole, self._rest = data.split(b"\n")
        kept = [line for line in whole[1 if skips else 0 :] if self._without not in line]
        self._lines.extend(line.decode("utf-8", "replace") for line in kept)
        return list(self._lines) if kept else None
