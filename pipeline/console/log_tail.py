"""The last lines of a file that others append to."""

from __future__ import annotations

import os
from pathlib import Path

LINES = 100
_MOST_BYTES = 64 << 10


class LogTail:
    """Reads the end of a file whenever it has grown."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size = -1

    def read(self) -> list[str] | None:
        """Its last `LINES` whole lines; None where nothing changed or there is no file yet."""
        try:
            with self._path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                if size == self._size:
                    return None
                self._size = size
                file.seek(max(0, size - _MOST_BYTES))
                data = file.read(_MOST_BYTES)
        except OSError:
            return None
        lines = data.split(b"\n")[1 if size > _MOST_BYTES else 0 : -1]
        return [line.decode("utf-8", "replace") for line in lines[-LINES:]]
