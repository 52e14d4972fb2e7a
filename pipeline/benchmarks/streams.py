"""`wigwag bench streams`: one step of several streams together, and what each further one costs."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import numpy as np

from models.checkpoint_file import read_checkpoint
from pipeline.benchmarks.inputs import full_network, labels_of, read_frames, recording_of
from pipeline.benchmarks.interleaving import interleave
from pipeline.benchmarks.rows import Table, compared_rows
from pipeline.benchmarks.settings import BenchSettings
from pipeline.benchmarks.worker_process import Workers
from pipeline.brain_settings import shipped_checkpoint

STEPS = 100
"""Of a block."""
STREAMS = (1, 2, 4, 8)
ENGINES = ("events", "torch")
_WORKER = (sys.executable, "-P", "-m", "pipeline.benchmarks.step_worker")


def measure(settings: BenchSettings) -> Iterator[Table]:
    """A table for the shipped network and one for that of full size, or for the one asked for."""
    with tempfile.TemporaryDirectory(prefix="wigwag-bench-") as name:
        folder = Path(name)
        full, _ = full_network(settings, folder)
        checkpoints = [full] if settings.checkpoint else [shipped_checkpoint(), full]
        for checkpoint in checkpoints:
            yield _table(settings, checkpoint, folder)


def _table(settings: BenchSettings, checkpoint: Path, folder: Path) -> Table:
    recording, called = recording_of(settings)
    shape = read_checkpoint(checkpoint).settings
    steps = settings.size(STEPS)
    frames = read_frames(
        recording,
        labels_of(settings),
        rows=shape.height,
        columns=shape.width,
        count=steps * (settings.blocks + 1),
    )
    np.save(folder / "frames.npy", frames)
    options = {
        "frames": str(folder / "frames.npy"),
        "checkpoint": str(checkpoint),
        "steps": steps,
        "learn_every": None,
        "heard": list(shape.read_layers),
    }
    with ExitStack() as stack:
        workers = Workers(stack, peers=settings.peers, threads=settings.threads)
        for engine in ENGINES:
            for streams in STREAMS:
                what = "one stream" if streams == 1 else f"{streams} streams in one step"
                told = {**options, "engine": engine, "streams": streams}
                workers.add(_name(engine, streams), what, _WORKER, told)
        workers.wait_until_ready()
        blocks = interleave(workers.started, settings.blocks)
        reference = _name(ENGINES[0], 1)
        rows = compared_rows(workers.started, blocks, unit="ms", reference=reference)
        notes = [
            f"input: {called}, each stream at another place; {settings.threads} threads each",
            *(line for engine in ENGINES for line in _per_further(engine, blocks)),
            *workers.notes,
        ]
        title = f"a step of several streams, {checkpoint.name}"
        return Table(title, rows, reference, tuple(notes), workers.versions)


def _per_further(engine: str, blocks: Mapping[str, Sequence[Sequence[float]]]) -> Iterator[str]:
    """What a further stream adds, by the blocks of one and of most streams beside each other."""
    most = STREAMS[-1]
    one, many = blocks.get(_name(engine, 1)), blocks.get(_name(engine, most))
    if not one or not many:
        return
    added_ns = median(
        (median(more) - median(single)) / (most - 1) for more, single in zip(many, one, strict=True)
    )
    share = added_ns / median(time_ns for block in one for time_ns in block)
    yield f"{engine}: a further stream adds {added_ns / 1e6:.3f} ms, {share:.0%} of one alone"


def _name(engine: str, streams: int) -> str:
    return f"{engine}, {streams}"
