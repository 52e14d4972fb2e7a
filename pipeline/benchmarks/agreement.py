"""`wigwag bench agreement`: the fast engine against the plain one, over a whole recording and over
ten thousand learning steps.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from drivers.errors import InputError
from models.checkpoint import Checkpoint, load_checkpoint
from models.checkpoint_file import Tensors, read_checkpoint
from models.engine import Engine
from models.events_engine import EventsEngine
from models.learning_settings import LearningSettings
from models.live_learning import LARGE
from models.torch_engine import TorchEngine, prepare_torch
from pipeline.benchmarks.inputs import full_network, labels_of, recording_of
from pipeline.benchmarks.rows import Row, Table, row_of
from pipeline.benchmarks.settings import BenchSettings
from pipeline.decisions import SlidingVotes
from pipeline.intake import Frame, Intake
from pipeline.targets import Targets
from recordings.formats import open_recording
from recordings.labels import read_label_file

LEARNING_STEPS = 10_000
LEARNING = LearningSettings(rate=1e-4, learn_every_steps=1, update_every_steps=20, dropout=0.0)
"""Online learning but for dropout, for which the two draw other numbers."""
SMALL = "small.safetensors"

Precision = type[np.floating[Any]]
Integers = npt.NDArray[np.int64]


def measure(settings: BenchSettings) -> Iterator[Table]:
    """Votes and labels over a recording, then weights learnt, for each network."""
    prepare_torch(settings.threads)
    recording, called = recording_of(settings)
    with tempfile.TemporaryDirectory(prefix="wigwag-bench-") as folder:
        paths = [full_network(settings, Path(folder))]
        if settings.checkpoint is None:
            small = Path(str(files("models"))) / "checkpoints" / SMALL
            paths.insert(0, (small, f"checkpoint {SMALL}"))
        for path, name in paths:
            shape = read_checkpoint(path).settings
            frames, targets = _frames_of(settings, recording, shape.height, shape.width)
            yield _inferring(path, frames, f"input: {called}; {name}")
            steps = settings.size(LEARNING_STEPS)
            yield _learning(path, frames, targets, steps, f"input: {called}; {name}")


def _frames_of(
    settings: BenchSettings, recording: Path, rows: int, columns: int
) -> tuple[list[Frame], list[int | None]]:
    """The frames of the recording, as many as `--scale` asks for, and their targets."""
    file = labels_of(settings)
    intervals = read_label_file(file) if file else []
    timeline = Targets(intervals, classes=max((i.gesture_class for i in intervals), default=1))
    intake = Intake(columns=columns, rows=rows)
    frames: list[Frame] = []
    targets: list[int | None] = []
    with open_recording(recording) as packets:
        for packet in packets:
            for t_us, frame in intake.push(packet):
                frames.append(frame.copy())  # the binner may use its array again
                targets.append(timeline.at(t_us) if intervals else 0)
    count = settings.size(len(frames)) if settings.scale < 1 else len(frames)
    return frames[:count], targets[:count]


def _inferring(path: Path, frames: list[Frame], used: str) -> Table:
    plain, fast = (
        TorchEngine(load_checkpoint(path), None),
        EventsEngine(read_checkpoint(path), None),
    )
    (votes, spikes), (fast_votes, fast_spikes) = _run(plain, frames), _run(fast, frames)
    layers = votes.shape[1]
    equal = 100 * (votes == fast_votes).mean(axis=0)
    rows = [
        row_of(f"votes, layer {number + 1}", "equal", "%", [float(equal[number])])
        for number in range(layers)
    ]
    classes = len(plain.class_names)
    labels, fast_labels = (_labels(of[:, -1], frames, classes) for of in (votes, fast_votes))
    rows.append(
        row_of("labels", "equal, frame by frame", "%", [100 * (labels == fast_labels).mean()])
    )
    gap = np.abs(spikes.sum(axis=0) / np.maximum(fast_spikes.sum(axis=0), 1) - 1).max()
    rows.append(
        row_of("spikes", "difference in number, largest of layers", "%", [100 * float(gap)])
    )
    changes = int(np.count_nonzero(np.diff(labels)))
    return Table(
        f"torch and events, {len(frames):,} frames of a recording",
        tuple(rows),
        notes=(used, f"the label changes {changes} times"),
    )


def _learning(
    path: Path, frames: list[Frame], targets: list[int | None], steps: int, used: str
) -> Table:
    rows = list(_learnt_apart(path, frames, targets, steps, np.float32))
    notes = [
        used,
        f"Adamax {LEARNING.rate:g} every {LEARNING.update_every_steps} steps, no dropout; "
        "apart: root mean square over weights, as a share of how far learning moved them",
        "single precision: sums in another order round otherwise; where a gradient is near zero "
        "that decides its sign, and Adamax steps by the full rate either way",
    ]
    if read_checkpoint(path).settings.multiply_adds < LARGE:
        rows += _learnt_apart(path, frames, targets, steps, np.float64)
    else:
        notes.append("double precision is left to smaller networks, for time")
    return Table(f"weights after {steps:,} learning steps", tuple(rows), notes=tuple(notes))


def _learnt_apart(
    path: Path, frames: list[Frame], targets: list[int | None], steps: int, dtype: Precision
) -> Iterator[Row]:
    begun = load_checkpoint(path)
    begun.network.load_tensors(begun.network.tensors(), dtype=getattr(torch, dtype.__name__))
    before = _copied(begun)
    fast = [EventsEngine(begun.stored(), LEARNING, dtype=dtype) for _ in range(2)]
    for engine in fast:
        _teach(engine, frames, targets, steps)
    # The plain engine learns in the tensors that it is given.
    _teach(TorchEngine(begun, LEARNING), frames, targets, steps)
    plain, once, again = _copied(begun), fast[0].tensors(), fast[1].tensors()
    name = dtype.__name__
    yield row_of(f"{name}, torch and events", "apart", "%", [100 * _apart(once, plain, before)])
    same = all(np.array_equal(once[key], again[key]) for key in once)
    yield row_of(f"{name}, events twice", "the same, bit for bit: 1", "", [float(same)])


def _teach(engine: Engine, frames: list[Frame], targets: list[int | None], steps: int) -> None:
    """Go through the recording, again and again, until so many steps had a target."""
    learnt = 0
    while learnt < steps:
        begun = learnt
        for frame, target in zip(frames, targets, strict=True):
            engine.step(frame, target)
            learnt += target is not None
            if learnt == steps:
                return
        if learnt == begun:
            raise InputError(
                what="labels",
                got="no labelled frame",
                allowed="a label file of this recording with at least one gesture in it",
                todo="choose another --labels, or a larger --scale",
            )


def _copied(checkpoint: Checkpoint) -> Tensors:
    return {name: tensor.copy() for name, tensor in checkpoint.stored().tensors.items()}


def _apart(one: Tensors, other: Tensors, before: Tensors) -> float:
    """Root mean square of the difference, over that of what was learnt."""
    names = [name for name in before if name.endswith((".weight", ".bias"))]
    gap = sum(float(((one[name] - other[name]) ** 2).sum()) for name in names)
    moved = sum(float(((other[name] - before[name]) ** 2).sum()) for name in names)
    return float(np.sqrt(gap / moved))


def _run(engine: Engine, frames: list[Frame]) -> tuple[Integers, Integers]:
    """Votes and spikes of every step, each of shape (steps, layers)."""
    results = [engine.step(frame, None) for frame in frames]
    return (
        np.array([result.votes for result in results]),
        np.array([result.spikes for result in results]),
    )


def _labels(votes: Integers, frames: list[Frame], classes: int) -> Integers:
    """What a brain with the usual settings would say at every step."""
    window = SlidingVotes(classes)
    return np.array(
        [
            window.push(int(vote), int(np.count_nonzero(frame))).gesture_class
            for vote, frame in zip(votes, frames, strict=True)
        ]
    )
