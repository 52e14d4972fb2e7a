"""What all benchmarks are told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from drivers.errors import InputError


@dataclass(frozen=True, slots=True)
class BenchSettings:
    """Of `wigwag bench`; a benchmark uses those that mean something to it."""

    blocks: int = 7
    """Turns that every contender gets."""
    scale: float = 1.0
    """Size of a block, as a share of the usual one; below 1 for a trial run."""
    threads: int = 1
    """Of every contender."""
    seconds: float = 60.0
    """Length of what runs by the clock."""
    checkpoint: Path | None = None
    recording: Path | None = None
    labels: Path | None = None
    """Label file of the recording."""
    peers: Path | None = None
    """Python of an environment with the peers; None: the one that `make peers` makes, if there."""

    def __post_init__(self) -> None:
        for name, low, high in (
            ("blocks", 1, 10_000),
            ("scale", 0.0001, 1000),
            ("threads", 1, 1024),
            ("seconds", 0.1, 86_400),
        ):
            got = getattr(self, name)
            if not low <= got <= high:
                raise InputError(
                    what=f"--{name}", got=str(got), allowed=f"{low} to {high}", todo="change it"
                )
        for name in ("checkpoint", "recording", "labels", "peers"):
            path = getattr(self, name)
            if path is not None and not path.is_file():
                raise InputError(
                    what=f"--{name}",
                    got=f"no file {path}",
                    allowed="an existing file",
                    todo="check the path",
                )

    def size(self, usual: int) -> int:
        """The size of a block whose usual size is this; at least 1."""
        return max(1, round(usual * self.scale))
