"""Minibatches cut ahead of the training that uses them up, by worker processes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from drivers.closing import Closing
from drivers.errors import InputError
from pipeline.binning import Frames
from pipeline.crops import Crop, CropSampler, cut_crops
from pipeline.frame_rows import Rows, from_rows, to_rows
from pipeline.trials import LabelledFrames
from pipeline.workers import worker_pool


class Packed(NamedTuple):
    """A minibatch on its way from one process to another."""

    rows: Rows
    """One a step."""
    shape: tuple[int, ...]
    """Of a step's frames."""
    labels: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Minibatch:
    """Labelled crops, and where the sampler stands once they are drawn."""

    frames: Frames
    """shape (steps, batch, 2, rows, columns)"""
    labels: npt.NDArray[np.int64]
    """Classes from 0, shape (batch,)."""
    sampler: dict[str, Any]
    """State after this minibatch, whatever has been drawn ahead since."""


class MinibatchFeed(Closing):
    """Crops are cut by `processes` while the ones before them are learnt from.

    What is cut, and in which order, is the sampler's doing alone, however many they are; with
    none of them, a thread of this process cuts.
    """

    def __init__(
        self,
        trials: Sequence[LabelledFrames],
        sampler: CropSampler,
        *,
        steps: int,
        processes: int = 0,
        part: slice = slice(None),
    ) -> None:
        """Only `part` of the crops of each minibatch is cut."""
        self._sampler = sampler
        self._counts = _counted(trials)
        self._part = part
        self._ahead = processes + 1
        self._pool: Executor
        self._cut: Callable[[Sequence[Crop]], Packed]
        if processes:
            self._pool = worker_pool(processes, _start, trials, steps)
            self._cut = _cut_in_worker
        else:
            self._pool = ThreadPoolExecutor(max_workers=1)
            self._cut = partial(_cut_packed, trials, steps)
        self._cutting: deque[tuple[Future[Packed], dict[str, Any]]] = deque()
        self.waiting_s = 0.0
        """Spent in `next` so far."""

    def next(self) -> Minibatch:
        """The next minibatch; waits until it is cut. Raises `InputError` where a worker died."""
        began = time.monotonic()
        try:
            while len(self._cutting) < self._ahead:
                plan = self._sampler.plan()[self._part]
                self._cutting.append((self._pool.submit(self._cut, plan), self._sampler.state()))
            future, state = self._cutting.popleft()
            packed = future.result()
        except BrokenProcessPool as error:
            raise InputError(
                what="worker that cuts minibatches",
                got="its end",
                allowed="workers that live as long as the run",
                todo="see whether memory ran out; --resume goes on, --workers sets their number",
            ) from error
        frames = from_rows(packed.rows, packed.shape, counts=self._counts)
        self.waiting_s += time.monotonic() - began
        return Minibatch(frames, packed.labels, state)

    def close(self) -> None:
        """End the workers; what they have not begun with is dropped."""
        self._pool.shutdown(cancel_futures=True)


def _cut_packed(trials: Sequence[LabelledFrames], steps: int, plan: Sequence[Crop]) -> Packed:
    frames, labels = cut_crops(trials, plan, steps)
    return Packed(to_rows(frames, counts=_counted(trials)), frames.shape[1:], labels)


def _counted(trials: Sequence[LabelledFrames]) -> bool:
    """Those of a set are of one kind."""
    return any(trial.counts for trial in trials[:1])


_in_worker: list[tuple[Sequence[LabelledFrames], int]] = []
"""In a worker process, what it was started with."""


def _start(trials: Sequence[LabelledFrames], steps: int) -> None:
    _in_worker.append((trials, steps))


def _cut_in_worker(plan: Sequence[Crop]) -> Packed:
    return _cut_packed(*_in_worker[0], plan)
