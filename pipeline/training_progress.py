"""Where a training run stands, told after every minibatch to whoever shows or keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from models.trainer import MinibatchResult


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """One minibatch, and the run up to its end."""

    minibatch: int
    """Counted from 1."""
    minibatches: int
    elapsed_s: float
    """Of the whole run, stops left out."""
    left_s: float
    """Time still needed at the pace since the run was begun or resumed."""
    waiting_s: float
    """Of `elapsed_s`, spent waiting for data."""
    rate: float
    """Learning rate of this minibatch."""
    result: MinibatchResult

    @property
    def waiting_share(self) -> float:
        """Share of the time spent waiting for data, 0 to 1."""
        return self.waiting_s / self.elapsed_s if self.elapsed_s else 0.0


class ProgressSink(Protocol):
    """What takes in a run's progress: a log, a display."""

    def add(self, progress: TrainingProgress) -> None:
        """Take in one minibatch."""
