"""`wigwag bench memory`: what source and brain keep resident, and whether it grows."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.benchmarks.inputs import full_network, labels_of, recording_of
from pipeline.benchmarks.rows import Row, Table, row_of
from pipeline.benchmarks.settings import BenchSettings
from pipeline.benchmarks.stages import StageName, running_stages

SAMPLES = 120
SHORTEST_S = 0.1
MB = 1e6
MEASURED: tuple[StageName, ...] = ("source", "brain")


@dataclass(frozen=True, slots=True)
class Sample:
    """Memory of one process at one moment, in bytes."""

    at_s: float
    rss: int
    """Resident, shared pages included."""
    pss: int
    """Resident, shared pages divided by those who share them."""


def measure(settings: BenchSettings) -> Iterator[Table]:
    """The sample round and round in real time for `settings.seconds`, learning on."""
    recording, called = recording_of(settings)
    file = labels_of(settings)
    with tempfile.TemporaryDirectory(prefix="wigwag-bench-") as folder:
        checkpoint, network = full_network(settings, Path(folder))
        samples: dict[StageName, list[Sample]] = {name: [] for name in MEASURED}
        every_s = max(SHORTEST_S, settings.seconds / SAMPLES)
        with running_stages(
            recording,
            checkpoint,
            source=("--loop",),
            brain=(f"--learn={file}",) if file else (),
            threads=settings.threads,
        ) as stages:
            # Memory counts from the first label on: before, the brain is still loading.
            while not any(stage == "brain" for stage, _ in stages.lines(0.1)):
                pass
            begin = time.monotonic()
            due = begin
            while time.monotonic() < begin + settings.seconds:
                stages.lines(SHORTEST_S / 2)
                if time.monotonic() < due:
                    continue
                due += every_s
                for name, taken in samples.items():
                    taken.append(take_sample(stages.children[name].pid, begin))
        rows = [row for name, taken in samples.items() for row in memory_rows(name, taken)]
        yield Table(
            f"memory, {settings.seconds:.0f} s of real time",
            tuple(rows),
            notes=(
                f"input: {called}, over and over; {network}; learning {'on' if file else 'off'}",
                f"a sample every {every_s:.1f} s from the first label on; the slope is a straight "
                "line through the second half of them, and means little over less than minutes",
            ),
        )


def take_sample(pid: int, begin: float) -> Sample:
    """What /proc says of a process; `begin` as `time.monotonic`."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    # Lines such as "Rss:    1234 kB".
    sizes = {
        line.split(":")[0]: int(line.split()[1]) * 1024
        for line in text.splitlines()
        if line.endswith("kB")
    }
    return Sample(time.monotonic() - begin, sizes["Rss"], sizes["Pss"])


def memory_rows(name: str, samples: Sequence[Sample]) -> Iterator[Row]:
    """RSS with its course, and PSS."""
    rss = [sample.rss / MB for sample in samples]
    course = f"first {rss[0]:.0f}, last {rss[-1]:.0f}, largest {max(rss):.0f}"
    slope = slope_per_hour(samples)
    if slope is not None:
        course += f", slope {slope / MB:+.1f} MB an hour"
    yield row_of(f"{name} RSS", course, "MB", rss)
    yield row_of(f"{name} PSS", "shared pages shared out", "MB", [s.pss / MB for s in samples])


def slope_per_hour(samples: Sequence[Sample]) -> float | None:
    """Bytes of RSS an hour, least squares over the second half; None for too few samples."""
    return hourly([sample.at_s for sample in samples], [sample.rss for sample in samples])


def hourly(times_s: Sequence[float], values: Sequence[float]) -> float | None:
    """What an hour adds: least squares over the second half; None for too few values."""
    half = len(values) // 2
    if len(values) - half < 3:
        return None
    return 3600 * float(np.polyfit(times_s[half:], values[half:], 1)[0])
