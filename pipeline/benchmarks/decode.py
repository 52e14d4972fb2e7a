"""`wigwag bench decode`: recordings to packets and to frames, beside decoders and tonic."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pipeline.benchmarks.event_rates import event_rates
from pipeline.benchmarks.rows import Table
from pipeline.benchmarks.settings import BenchSettings
from pipeline.benchmarks.synthetic import EVENTS_PER_S, SENSOR, synthetic_events
from pipeline.benchmarks.worker_process import Workers
from recordings.aedat4_writer import Aedat4Writer
from recordings.aedat31_writer import Aedat31Writer
from recordings.event_writer import EventWriter

FORMATS = (
    ("AEDAT 3.1", ".aedat"),
    ("AEDAT4 with Zstandard", ".zstd.aedat4"),
    ("AEDAT4 with LZ4", ".lz4.aedat4"),
)
"""Name, and ending of the file."""
EVENTS = 8_000_000
PEER_EVENTS = 400_000
"""Of the file for tonic, which takes ten times as long or more."""
BUSY = "packets, machine busy"
_AT_ONCE = 10_000
_WORKER = (sys.executable, "-P", "-m", "pipeline.benchmarks.decode_worker")


def measure(settings: BenchSettings) -> Iterator[Table]:
    """A table for each format, of the recording given or of synthetic ones."""
    with tempfile.TemporaryDirectory(prefix="wigwag-bench-") as name:
        if settings.recording is not None:
            path, called = settings.recording, settings.recording.name
            yield _compare(settings, called, path, path, called)
            return
        folder = Path(name)
        for title, suffix in FORMATS:
            large, small = folder / f"large{suffix}", folder / f"small{suffix}"
            _write(large, settings.size(EVENTS))
            _write(small, settings.size(PEER_EVENTS))
            called = f"synthetic events, {EVENTS_PER_S / 1e6:g} million per second of stream"
            yield _compare(settings, title, large, small, called)


def _write(path: Path, count: int) -> None:
    writer: EventWriter
    if path.name.endswith(".aedat"):
        writer = Aedat31Writer(path, SENSOR)
    else:
        writer = Aedat4Writer(path, SENSOR, compression="lz4" if ".lz4" in path.name else "zstd")
    events = synthetic_events(count)
    with writer:
        for first in range(0, count, _AT_ONCE):
            writer.write(events[first : first + _AT_ONCE])


def _compare(settings: BenchSettings, title: str, path: Path, small: Path, called: str) -> Table:
    options: dict[str, Any] = {"recording": str(path)}
    with ExitStack() as stack:
        workers = Workers(stack, peers=settings.peers, threads=settings.threads)
        reference = "packets"
        if path.suffix == ".aedat4":
            reference = "aedat"
            workers.add("aedat", "the decoder alone", _WORKER, {**options, "way": "decoder"})
            workers.add_peer("dv-processing", "its reader alone", "dv_read.py", options)
            workers.add_peer(
                "tonic",
                "read_aedat4, Downsample, ToFrame: file to frames",
                "tonic_read.py",
                {"recording": str(small)},
            )
        for name, way, what in (
            ("packets", "packets", "read, order checked, cut"),
            (BUSY, "packets", "the same while another process computes, as in a pipeline"),
            ("frames", "frames", "and encoded, decoded, binned: one process, no bus"),
            ("two processes", "processes", "wigwag source, bus, frames in another process"),
        ):
            workers.add(name, what, _WORKER, {**options, "way": way, "busy": name == BUSY})
        return event_rates(
            f"file to frames, {title}",
            workers,
            settings,
            references=(reference,),
            note=f"input: {called}; from the system's cache of files",
        )
