"""What all experiments are told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from drivers.errors import InputError
from models.checks import MOST_SEED, is_seed

Say = Callable[[str], None]
"""Takes a line about how far the experiment is."""


@dataclass(frozen=True, slots=True)
class ExperimentSettings:
    """Of `wigwag experiment`; an experiment uses those that mean something to it."""

    out: Path
    """Folder for figures, numbers and checkpoints; made if need be."""
    seed: int = 0
    minutes: float | None = None
    """Learning stops after this time; None: when the experiment has its usual number of samples."""
    samples: int | None = None
    """Learning stops after this many samples; None: the experiment's usual number."""
    data: Path | None = None
    """Folder or file of the real data; None: `real_data.find` looks for it."""
    checkpoint: Path | None = None
    """What an earlier run saved: nothing is learnt, it is only tested."""
    test: Path | None = None
    """Data to test it on, of the form of the data learnt from."""
    peers: Path | None = None
    """Python of an environment with the peers; None: the one that `make peers` makes, if there."""
    threads: int = 1

    def __post_init__(self) -> None:
        for name, got, fits, allowed in (
            ("--minutes", self.minutes, self.minutes is None or 0 < self.minutes < 1e5, "above 0"),
            ("--samples", self.samples, self.samples is None or self.samples > 0, "1 or more"),
            ("--seed", self.seed, is_seed(self.seed), f"0 to {MOST_SEED}"),
            ("--threads", self.threads, 1 <= self.threads <= 1024, "1 to 1024"),
        ):
            if not fits:
                raise InputError(what=name, got=str(got), allowed=allowed, todo="change it")
        for name, path in (
            ("--data", self.data),
            ("--checkpoint", self.checkpoint),
            ("--test", self.test),
            ("--peers", self.peers),
        ):
            if path is not None and not path.exists():
                raise InputError(
                    what=name,
                    got=f"nothing at {path}",
                    allowed="what exists",
                    todo="check the path",
                )
        try:
            self.out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                what="--out",
                got=f"{self.out}: {error.strerror}",
                allowed="a folder, or where one can be made",
                todo="choose another path",
            ) from error
