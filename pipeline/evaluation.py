"""The paper's protocol: votes from 50 to 1,800 ms of each test gesture, most votes win.

Sets of other things than gestures say how much of each is read.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from drivers.errors import InputError
from models.checkpoint import load_checkpoint
from models.engines import read_sequences
from models.network import Network
from models.torch_engine import choose_device, prepare_torch
from pipeline.datasets import Dataset, Reading
from pipeline.trials import TRIAL_FRAMES, LabelledFrames
from recordings.dvsgesture import Split

LOG = logging.getLogger(__name__)

BURN_IN_FRAMES = 50
BATCH = 24
"""Gestures looked at together; more do not fit a CPU's caches and are slower."""


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """How well a checkpoint reads the gestures of a set."""

    model_version: str
    class_names: tuple[str, ...]
    trials: int
    judged_ms: int
    """How much of each gesture was read: 1,800 ms, by the paper's protocol."""
    trials_shorter_than_protocol: int
    """Gestures of less than that; silence follows where they end."""
    users: tuple[int, ...]
    layer_accuracy: tuple[float, ...]
    """Share of right answers by votes, from the lowest layer; the top one is the paper's figure."""
    reading: str
    """How `accuracy` was read, in words."""
    accuracy: float
    """Of the network as it is to be read: its top layer's votes, unless its settings say else."""
    confusion: tuple[tuple[int, ...], ...]
    """As it is to be read; row: true class, column: class named."""
    accuracy_by_user: dict[str, float]
    accuracy_by_light: dict[str, float]


def evaluate_trials(
    network: Network,
    trials: Sequence[LabelledFrames],
    *,
    judged_ms: int = TRIAL_FRAMES,
    progress: Callable[[int, int], None] | None = None,
) -> npt.NDArray[np.int64]:
    """The class (from 1) that each layer gives each trial by its votes, and in a last row the one
    that the network as it is to be read gives it; shape (layers + 1, trials).
    """
    found = []
    for begin in range(0, len(trials), BATCH):
        batch = trials[begin : begin + BATCH]
        frames = np.stack([trial.unpack(0, judged_ms) for trial in batch], axis=1)
        reading = read_sequences(network, frames, burn_in_ms=BURN_IN_FRAMES)
        found.append(np.vstack([reading.votes.argmax(axis=2), reading.scores.argmax(axis=1)]) + 1)
        if progress is not None:
            progress(begin + len(batch), len(trials))
    result: npt.NDArray[np.int64] = np.concatenate(found, axis=1)
    return result


def evaluate_checkpoint(
    checkpoint: Path,
    dataset: Dataset,
    *,
    split: Split = "test",
    users: Collection[int] | None = None,
    device: str = "auto",
    threads: int = 1,
    reading: Reading | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Evaluate a checkpoint on one part of a data set, or some of its users.

    Classes are the checkpoint's by their names, or by number if it calls all of them otherwise.
    Raises `InputError` for recordings that cannot be read, a part without gestures and classes
    that the checkpoint does not know, and `ModelError` for the checkpoint.
    """
    prepare_torch(threads)
    loaded = load_checkpoint(checkpoint, device=choose_device(device))
    settings = loaded.network.settings
    if settings.input_channels != 2:
        raise InputError(
            what=f"checkpoint {checkpoint}",
            got=f"a network of {settings.input_channels} input channels",
            allowed="2, as data sets have polarities",
            todo="test it by the experiment that made it",
        )
    trials = dataset.trials(
        split,
        rows=settings.height,
        columns=settings.width,
        counts=settings.counts_events,
        users=users,
        reading=reading,
    )
    if not trials:
        raise InputError(
            what=f"data set {dataset.name}",
            got=f"no labelled gestures to {split}",
            allowed="one or more",
            todo="list recordings and fill in their label files, or choose the other part",
        )
    true = _classes(dataset, trials, loaded.class_names, checkpoint)
    given = evaluate_trials(loaded.network, trials, judged_ms=dataset.judged_ms, progress=progress)
    right = given == true
    confusion = np.zeros((settings.classes, settings.classes), dtype=int)
    np.add.at(confusion, (true - 1, given[-1] - 1), 1)

    def share_by(keys: Sequence[str]) -> dict[str, float]:
        names = np.array(keys)
        return {str(name): float(right[-1][names == name].mean()) for name in dict.fromkeys(keys)}

    return Evaluation(
        model_version=loaded.version,
        class_names=loaded.class_names,
        trials=len(trials),
        judged_ms=dataset.judged_ms,
        trials_shorter_than_protocol=sum(trial.frames < dataset.judged_ms for trial in trials),
        users=tuple(sorted({trial.user for trial in trials})),
        layer_accuracy=tuple(float(share) for share in right[:-1].mean(axis=1)),
        reading=settings.reading_text,
        accuracy=float(right[-1].mean()),
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
        accuracy_by_user=share_by([str(trial.user) for trial in trials]),
        accuracy_by_light=share_by([trial.light for trial in trials]),
    )


def _classes(
    dataset: Dataset, trials: Sequence[LabelledFrames], known: Sequence[str], checkpoint: Path
) -> npt.NDArray[np.int64]:
    """The class of each trial, from 1, as the checkpoint counts; `known` are its names."""
    numbers = np.array([trial.gesture_class for trial in trials])
    present = {int(number): dataset.class_names[number - 1] for number in np.unique(numbers)}
    strangers = [name for name in present.values() if name not in known]
    if not strangers:
        own = {number: known.index(name) + 1 for number, name in present.items()}
        return np.array([own[int(number)] for number in numbers])
    highest = max(present)
    if len(strangers) < len(present) or highest > len(known):
        raise InputError(
            what=f"data set {dataset.name}",
            got=f"class {highest}" if highest > len(known) else f"class {', '.join(strangers)}",
            allowed=f"1 to {len(known)}, the classes of {checkpoint}: {', '.join(known)}",
            todo="use a checkpoint that was trained on these classes",
        )
    LOG.warning(
        "%s has none of the names of the set's classes, so that these are taken by number: %s",
        *(checkpoint, ", ".join(strangers)),
    )
    return numbers
