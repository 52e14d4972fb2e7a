"""How files of recordings are called; what is in them tells the format (`recordings.formats`)."""

from __future__ import annotations

from pathlib import Path

ENDINGS = (".aedat", ".aedat4", ".raw", ".dat", ".es")


def is_called_recording(path: Path) -> bool:
    """Whether its ending is a recording's, in capitals or not."""
    return path.suffix.lower() in ENDINGS
