"""Minibatches cut ahead, by a thread or by worker processes."""

from __future__ import annotations

import os
import signal
from multiprocessing import active_children

import numpy as np
import pytest

from drivers.errors import InputError
from pipeline.crops import CropSampler, CropSettings, cut_crops
from pipeline.frame_rows import to_rows
from pipeline.minibatches import MinibatchFeed
from pipeline.trials import TrialFrames

CHOSEN = CropSettings(batch=3, steps=20, shift_cells=2, drop_up_to=0.3)


def gestures(*, counts: bool = False) -> list[TrialFrames]:
    """Three of noise, of different lengths; their frames are no whole number of bytes."""
    random = np.random.default_rng(3)
    made = []
    for number, count in enumerate((15, 40, 90), start=1):
        frames = (random.random((count, 2, 5, 7)) < 0.3).astype(np.uint8)
        if counts:
            frames *= random.integers(1, 9, frames.shape, np.uint8)
        rows = to_rows(frames, counts=counts)
        made.append(TrialFrames(number, 1, "led", rows, 5, 7, counts=counts))
    return made


@pytest.mark.parametrize(("processes", "counts"), [(0, False), (2, False), (2, True)])
def test_order_and_contents_are_the_samplers(processes: int, counts: bool) -> None:
    """Whoever cuts, they are what the sampler decides on; its state is that after each of them."""
    trials = gestures(counts=counts)
    alone = CropSampler(trials, CHOSEN, 1)
    ahead = CropSampler(trials, CHOSEN, 1)
    with MinibatchFeed(trials, ahead, steps=CHOSEN.steps, processes=processes) as feed:
        for _ in range(5):
            got = feed.next()
            frames, labels = cut_crops(trials, alone.plan(), CHOSEN.steps)
            assert np.array_equal(got.frames, frames)
            assert np.array_equal(got.labels, labels)
            assert (got.frames.max() > 1) == counts
            assert got.sampler == alone.state()
    assert feed.waiting_s > 0


def test_a_worker_that_dies_is_one_error() -> None:
    """Killed, as by a machine that is out of memory: the run says so and does not hang."""
    trials = gestures()
    others = set(active_children())
    sampler = CropSampler(trials, CHOSEN, 1)
    with MinibatchFeed(trials, sampler, steps=CHOSEN.steps, processes=1) as feed:
        feed.next()
        (worker,) = set(active_children()) - others
        os.kill(worker.pid, signal.SIGKILL)
        worker.join()

        def use_up() -> None:
            for _ in range(4):
                feed.next()

        with pytest.raises(InputError, match="--workers"):
            use_up()
