"""`wigwag bench step`: one step of the paper's network (Table 2), one stream, engines and peers."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from models.checkpoint import load_checkpoint
from models.presets import preset
from pipeline.benchmarks.inputs import full_network, labels_of, read_frames, recording_of
from pipeline.benchmarks.interleaving import interleave
from pipeline.benchmarks.rows import Row, Table, compared_rows, row_of
from pipeline.benchmarks.settings import BenchSettings
from pipeline.benchmarks.worker_process import WorkerProcess, Workers

STEPS = 100
"""Of a block."""
ENGINES = ("torch", "events")
LIVE = "events, top vote"
LEARNING = (
    ("update/1", "gradient and update every step", 1, 1),
    ("update/20", "gradient every step, update every 20", 1, 20),
    ("live", "gradient and update every 20 steps, mean; top vote", 20, 20),
)
"""Name, what it is, steps per gradient, steps per update."""
DENSE = "convolutions"
DECOLLE = "DECOLLE"
_WORKER = (sys.executable, "-P", "-m", "pipeline.benchmarks.step_worker")


def measure(settings: BenchSettings) -> Iterator[Table]:
    """Inferring, spikes of the engines, learning."""
    with tempfile.TemporaryDirectory(prefix="wigwag-bench-") as name:
        folder = Path(name)
        recording, called = recording_of(settings)
        labels = labels_of(settings)
        count = settings.size(STEPS) * (settings.blocks + 1)
        frames = read_frames(recording, labels, rows=32, columns=32, count=count)
        np.save(folder / "table2.npy", frames)
        checkpoint, network = full_network(settings, folder)
        shape = load_checkpoint(checkpoint).network.settings
        own = read_frames(recording, labels, rows=shape.height, columns=shape.width, count=count)
        np.save(folder / "own.npy", own)
        options = {
            "frames": str(folder / "own.npy"),
            "checkpoint": str(checkpoint),
            "steps": settings.size(STEPS),
        }
        peer = {"frames": str(folder / "table2.npy"), "steps": settings.size(STEPS)}
        notes = [f"input: {called}; engines: {network}; {settings.threads} threads each"]
        if shape.shapes() != preset("paper").network.shapes():
            notes.append("this checkpoint is not of Table 2's shapes; the peers are")
        yield from _inferring(settings, options, peer, notes)
        yield _learning(settings, options, peer, notes)


def _inferring(
    settings: BenchSettings,
    options: Mapping[str, Any],
    peer: Mapping[str, Any],
    notes: Sequence[str],
) -> Iterator[Table]:
    with ExitStack() as stack:
        workers = Workers(stack, peers=settings.peers, threads=settings.threads)
        workers.add(
            DENSE,
            "Table 2's convolutions in torch",
            _WORKER,
            {**peer, "engine": DENSE},
        )
        peer = {**peer, "learn": False}
        workers.add_peer("snnTorch", "leaky neurons", "snntorch_step.py", peer)
        workers.add_peer("SpikingJelly", "LIF neurons", "spikingjelly_step.py", peer)
        padded = {**peer, "padding": 2}
        workers.add_peer(DECOLLE, "same shapes", "decolle_step.py", padded)
        padded = {**peer, "padding": 3}
        workers.add_peer(f"{DECOLLE} (its padding)", "more work", "decolle_step.py", padded)
        for engine in ENGINES:
            engine_options = {**options, "engine": engine, "learn_every": None, "heard": None}
            workers.add(engine, "our engine, every layer votes", _WORKER, engine_options)
        engine_options = {**options, "engine": "events", "learn_every": None, "heard": [-1]}
        workers.add(LIVE, "as a live brain asks: only the top layer votes", _WORKER, engine_options)
        workers.wait_until_ready()
        blocks = interleave(workers.started, settings.blocks)
        rows = compared_rows(workers.started, blocks, unit="ms", reference=DENSE)
        said = [*notes, *workers.notes, *_beside_fastest_peer(rows, blocks)]
        yield Table("inferring, one step", rows, DENSE, tuple(said), workers.versions)
        engines = [worker for worker in workers.started if worker.name in ENGINES]
        yield _spikes(engines, Path(str(options["checkpoint"])))


def _beside_fastest_peer(
    rows: Sequence[Row], blocks: Mapping[str, Sequence[Sequence[float]]]
) -> Iterator[str]:
    """How our engines do beside the fastest package that has neurons too."""
    peers = [row for row in rows if row.name not in (DENSE, *ENGINES, LIVE)]
    if not peers:
        return
    fastest = min(peers, key=lambda row: row.median).name
    for engine in (*ENGINES, LIVE):
        if engine in blocks:
            pairs = zip(blocks[engine], blocks[fastest], strict=True)
            factor = median(median(theirs) / median(ours) for ours, theirs in pairs)
            yield f"{engine}: {factor:.1f} times as fast as {fastest}, the fastest package"


def _learning(
    settings: BenchSettings,
    options: Mapping[str, Any],
    peer: Mapping[str, Any],
    notes: Sequence[str],
) -> Table:
    with ExitStack() as stack:
        workers = Workers(stack, peers=settings.peers, threads=settings.threads)
        peer = {**peer, "learn": True}
        padded = {**peer, "padding": 2}
        workers.add_peer(DECOLLE, "same shapes, update every step", "decolle_step.py", padded)
        padded = {**peer, "padding": 3}
        workers.add_peer(
            f"{DECOLLE} (its padding)", "more work, update every step", "decolle_step.py", padded
        )
        workers.add_peer("SpikingJelly", "SLTT, update every step", "spikingjelly_step.py", peer)
        for name, what, learn_every, update_every in LEARNING:
            for engine in ENGINES:
                pace = {
                    "learn_every": learn_every,
                    "update_every": update_every,
                    "heard": [-1] if name == "live" else None,
                }
                workers.add(
                    f"{engine}, {name}", what, _WORKER, {**options, "engine": engine, **pace}
                )
        workers.wait_until_ready()
        blocks = interleave(workers.started, settings.blocks)
        reference = DECOLLE if DECOLLE in blocks else f"torch, {LEARNING[0][0]}"
        rows = compared_rows(workers.started, blocks, unit="ms", reference=reference)
        said = (*notes, *workers.notes)
        return Table("learning, one step", rows, reference, said, workers.versions)


def _spikes(engines: Sequence[WorkerProcess], checkpoint: Path) -> Table:
    """Spikes decide what the events engine costs."""
    layers = load_checkpoint(checkpoint).network.layers
    rows: list[Row] = []
    for engine in engines:
        for number, layer in enumerate(layers):
            values = [answer["spikes"][number] for answer in engine.answers[1:]]
            neurons = layer.shape.readout_inputs
            share = median(values) / neurons
            what = f"of {neurons:,} after pooling: {share:.1%}"
            rows.append(row_of(f"{engine.name}, layer {number + 1}", what, "spikes/step", values))
    return Table("spikes, means of blocks", tuple(rows))
