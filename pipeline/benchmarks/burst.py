"""`wigwag bench burst`: 25 million events a second for 100 ms, replayed in real time."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import numpy.typing as npt

from drivers.events import EVENT_DTYPE
from pipeline.benchmarks.interleaving import interleave
from pipeline.benchmarks.rows import Row, Table, row_of
from pipeline.benchmarks.settings import BenchSettings
from pipeline.benchmarks.synthetic import SENSOR
from pipeline.benchmarks.worker_process import WorkerProcess, Workers
from recordings.aedat4_writer import Aedat4Writer

BURST_US = (500_000, 600_000)
LENGTH_US = 2_000_000
EVENTS_PER_US = 25
NORMAL_NS = 5_000_000
"""Frames that are there no later than this after the quickest are as good as in time."""
IN_A_ROW = 10
"""Packets: a single late one later on is the system's whim, not the burst's doing."""
_WORKER = (sys.executable, "-P", "-m", "pipeline.benchmarks.burst_worker")


def measure(settings: BenchSettings) -> Iterator[Table]:
    """One table: delays before, in and after the burst, and what was lost."""
    with tempfile.TemporaryDirectory(prefix="wigwag-bench-") as name, ExitStack() as stack:
        path = Path(name) / "burst.aedat4"
        sent = write_burst(path)
        workers = Workers(stack, peers=settings.peers, threads=settings.threads)
        for policy in ("block", "drop"):
            options = {"recording": str(path), "policy": policy}
            workers.add(policy, "", _WORKER, options)
        workers.wait_until_ready()
        interleave(workers.started, settings.blocks)
        rows = [row for worker in workers.started for row in _rows(worker, sent)]
        yield Table(
            "a burst of 25 million events a second for 100 ms, source to frames",
            tuple(rows),
            notes=(
                f"input: {sent:,} synthetic events, 2 s, between them one event a millisecond",
                "delays are those beyond the smallest one of the run",
                *workers.notes,
            ),
        )


def write_burst(path: Path) -> int:
    """Write the recording; gives its number of events."""
    random = np.random.default_rng(0)
    begin_us, end_us = BURST_US
    burst = random.integers(begin_us, end_us, EVENTS_PER_US * (end_us - begin_us))
    times = np.sort(np.concatenate([np.arange(0, LENGTH_US, 1000), burst]))
    events = np.zeros(len(times), dtype=EVENT_DTYPE)
    events["t"] = times
    events["x"], events["y"] = random.integers(0, SENSOR.width, (2, len(times)))
    events["on"] = random.random(len(times)) < 0.5
    with Aedat4Writer(path, SENSOR, compression="lz4") as writer:
        writer.write(events)
    return len(events)


def _rows(worker: WorkerProcess, sent: int) -> Iterator[Row]:
    before, worst, back, lost, unaccounted = [], [], [], [], []
    for answer in worker.answers[1:]:
        ends_us, delays_ns = np.array(answer["ends_us"]), np.array(answer["times_ns"])
        before.append(float(np.median(delays_ns[ends_us <= BURST_US[0]])) / 1e6)
        worst.append(float(delays_ns[ends_us > BURST_US[0]].max()) / 1e6)
        back.append(_normal_again_us(ends_us, delays_ns) / 1e3)
        lost.append(float(answer["lost"]))
        unaccounted.append(float(sent - answer["received"] - answer["lost"]))
    for what, unit, values in (
        ("delay before the burst, median", "ms", before),
        ("largest delay from the burst on", "ms", worst),
        (f"from its end until {IN_A_ROW} in a row are within {NORMAL_NS / 1e6:g} ms", "ms", back),
        ("lost, as counted", "events", lost),
        ("sent, neither received nor counted", "events", unaccounted),
    ):
        yield row_of(worker.name, what, unit, values)


def _normal_again_us(ends_us: npt.NDArray[np.int64], delays_ns: npt.NDArray[np.int64]) -> int:
    """Time from the burst's end to the first of `IN_A_ROW` packets in time; all of it if none."""
    after = ends_us >= BURST_US[1]
    in_time = (delays_ns[after] <= NORMAL_NS).astype(np.int64)
    runs = np.convolve(in_time, np.ones(IN_A_ROW, dtype=np.int64), mode="valid")
    found = np.flatnonzero(runs == IN_A_ROW)
    last_us = int(ends_us[after][found[0]]) if found.size else LENGTH_US
    return last_us - BURST_US[1]
