"""Minibatches drawn ahead of the training that uses them up."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from pipeline.binning import Frames
from pipeline.crops import CropSampler, cut_crops
from pipeline.trials import TrialFrames

Cut = tuple[Frames, npt.NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Minibatch:
    """Labelled crops, and where the sampler stands once they are drawn."""

    frames: Frames
    """shape (steps, batch, 2, rows, columns)"""
    labels: npt.NDArray[np.int64]
    """Classes from 0, shape (batch,)."""
    sampler: dict[str, Any]
    """State after this minibatch, whatever has been drawn ahead since."""


class MinibatchFeed:
    """Cuts crops while the ones before them are learnt from.

    What is cut, and in which order, is the sampler's doing alone.
    """

    def __init__(
        self, trials: Sequence[TrialFrames], sampler: CropSampler, *, steps: int, ahead: int = 1
    ) -> None:
        self._trials = trials
        self._sampler = sampler
        self._steps = steps
        self._ahead = ahead
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._cutting: deque[tuple[Future[Cut], dict[str, Any]]] = deque()
        self.waiting_s = 0.0
        """Spent in `next` so far."""

    def next(self) -> Minibatch:
        """The next minibatch; waits until it is cut."""
        began = time.monotonic()
        while len(self._cutting) <= self._ahead:
            plan = self._sampler.plan()
            future = self._pool.submit(cut_crops, self._trials, plan, self._steps)
            self._cutting.append((future, self._sampler.state()))
        future, state = self._cutting.popleft()
        frames, labels = future.result()
        self.waiting_s += time.monotonic() - began
        return Minibatch(frames, labels, state)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(cancel_futures=True)
