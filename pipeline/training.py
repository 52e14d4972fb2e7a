"""`wigwag train`: a checkpoint from a data set, in a run that can be stopped and resumed."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from drivers.errors import InputError
from models.checkpoint import load_checkpoint, save_checkpoint
from models.engines import trainer_for
from models.known_directions import KNOWN_FROM_CROPS, find_known_directions
from models.learning_settings import BURN_IN_MS
from models.network import Network
from models.replicas import ALONE, Replicas
from models.settings import TrainingEngineName
from models.torch_engine import choose_device, prepare_torch
from pipeline.crops import CropSampler, cut_crops
from pipeline.datasets import Dataset, Reading
from pipeline.minibatches import MinibatchFeed
from pipeline.run_folder import RunFolder
from pipeline.stop_request import StopRequest
from pipeline.symmetry import backward_classes, mirrored_classes
from pipeline.training_figure import can_draw, draw_training
from pipeline.training_log import TrainingLog
from pipeline.training_progress import ProgressSink, TrainingProgress
from pipeline.training_settings import TrainingSettings
from pipeline.training_tensorboard import TensorBoardLog, has_tensorboard, require_tensorboard
from pipeline.trials import LabelledFrames
from recordings.user_range import user_range_text

LOG = logging.getLogger(__name__)
STAYS = "their names do not say what these become, they stay as they are: "

SAVE_EVERY_S = 120.0
RECENT = 50
"""Minibatches over which the training accuracy in the record is taken."""
RESUMABLE: tuple[TrainingEngineName, ...] = ("auto", "events")
"""Trainers that can be resumed; the others leave checkpoints only."""


@dataclass(frozen=True, slots=True)
class TrainingOutcome:
    """How a run ended, for now."""

    version: str
    """Of the checkpoint; empty where another replica wrote it."""
    minibatches_done: int
    waiting_share: float
    """Of the time, spent waiting for data."""
    stopped_by: int | None
    """The signal that stopped it before its end."""


@dataclass(slots=True)
class _Standing:
    """How far a run is, as its state file keeps it: JSON values."""

    trials: str
    """Digest of the gestures trained on."""
    users: list[int] | None
    parent: str | None
    done: int = 0
    elapsed_s: float = 0.0
    waiting_s: float = 0.0
    recent: list[tuple[float, ...]] | None = None
    """Accuracy by layer of the last minibatches."""
    sampler: dict[str, Any] | None = None


def train(
    dataset: Dataset,
    run: RunFolder,
    settings: TrainingSettings,
    *,
    users: Collection[int] | None = None,
    start_from: Path | None = None,
    device: str = "auto",
    threads: int = 1,
    workers: int = 0,
    tensorboard: bool = False,
    replicas: Replicas = ALONE,
    reading: Reading | None = None,
    sinks: Sequence[ProgressSink] = (),
) -> TrainingOutcome:
    """Train on a set's training users, in a run folder that is not there yet.

    `users` names some of them, so that others are left to choose settings by. Training begins from
    random weights, or from those of the checkpoint `start_from`, whose network takes the place of
    the one in the settings. Crops are cut by so many `workers`. The state is written before the
    first minibatch, and with the checkpoint every two minutes, and at the end or when SIGINT or
    SIGTERM stops the run. Raises `InputError`
    for the data set, the folder and settings, `ModelError` for checkpoints and weights that are
    not finite.
    """
    prepare_torch(threads)
    if tensorboard:
        require_tensorboard()
    if replicas.leads:
        run.refuse_old()
    if start_from is None:
        network = Network(settings.network, device=choose_device(device))
        parent = None
    else:
        begin = load_checkpoint(start_from, device=choose_device(device))
        network, parent = begin.network, begin.version
        settings = replace(settings, network=network.settings)
    trials = _trials(dataset, settings, users, reading, replicas)
    named = None if users is None else sorted(users)
    standing = _Standing(_digest(trials), named, parent, recent=[])
    going = _Run(dataset, run, settings, network, trials, standing, replicas)
    going.begin(_repeating(named, start_from, device, threads))
    return going.go(sinks, workers, tensorboard)


def resume(
    dataset: Dataset,
    run: RunFolder,
    *,
    device: str = "auto",
    threads: int = 1,
    workers: int = 0,
    tensorboard: bool = False,
    replicas: Replicas = ALONE,
    reading: Reading | None = None,
    sinks: Sequence[ProgressSink] = (),
) -> TrainingOutcome:
    """Go on with a run that was stopped, as if it had not been: on a CPU, bit for bit.

    A log for TensorBoard that was begun is gone on with. Raises `InputError` where there is nothing
    to resume or the data set is another one.
    """
    prepare_torch(threads)
    if tensorboard:
        require_tensorboard()
    elif run.tensorboard.exists():
        tensorboard = has_tensorboard()
        if not tensorboard and replicas.leads:
            LOG.warning("%s: a gap, it needs pip install 'wigwag[tensorboard]'", run.tensorboard)
    settings = run.settings()
    state, progress = run.load_state()
    standing = _Standing(**progress)
    network = Network(settings.network, device=choose_device(device))
    trials = _trials(dataset, settings, standing.users, reading, replicas)
    if _digest(trials) != standing.trials:
        raise InputError(
            what=f"data set {dataset.name}",
            got="other gestures than the run began with",
            allowed="the same data set",
            todo="name the one of the run, or begin another run",
        )
    going = _Run(dataset, run, settings, network, trials, standing, replicas)
    going.trainer.load_state(state)
    return going.go(sinks, workers, tensorboard)


class _Run:
    """A run from where it stands to its end, or to a signal."""

    def __init__(
        self,
        dataset: Dataset,
        folder: RunFolder,
        settings: TrainingSettings,
        network: Network,
        trials: Sequence[LabelledFrames],
        standing: _Standing,
        replicas: Replicas,
    ) -> None:
        self._replicas = replicas
        self._dataset = dataset
        self._folder = folder
        self._settings = settings
        self._network = network
        self._trials = trials
        self._standing = standing
        self._sampler = self._new_sampler()
        if standing.sampler is not None:
            self._sampler.load_state(standing.sampler)
        # Some trainers have no state to give; see RESUMABLE.
        self.trainer: Any = trainer_for(
            network,
            settings.learning,
            batch=settings.crops.batch,
            learn_every_ms=settings.learn_every_ms,
            engine=settings.engine,
            replicas=replicas,
        )

    def begin(self, options: Mapping[str, str]) -> None:
        """Make the folder, with a state at once: whatever ends the run, it can be resumed.

        `options` are those of the command line that decide the result besides the settings.
        """
        if self._replicas.leads:
            self._folder.make()
        self._save_state()
        if self._replicas.leads:
            self._folder.begin(self._settings, self._dataset.name, options)

    def go(self, sinks: Sequence[ProgressSink], workers: int, tensorboard: bool) -> TrainingOutcome:
        """Train, crops being cut by so many workers; `sinks` are told of every minibatch."""
        settings, standing = self._settings, self._standing
        before_s, before_waiting_s, first = standing.elapsed_s, standing.waiting_s, standing.done
        layers, replicas = len(self._network.layers), self._replicas
        with ExitStack() as open_things:
            enter = open_things.enter_context
            told: list[ProgressSink] = []
            if replicas.leads:
                told += [*sinks, enter(TrainingLog(self._folder.log, layers=layers, done=first))]
                if tensorboard:
                    told.append(enter(TensorBoardLog(self._folder.tensorboard, done=first)))
            feed = enter(
                MinibatchFeed(
                    self._trials,
                    self._sampler,
                    steps=settings.crops.steps,
                    processes=workers,
                    part=replicas.part(settings.crops.batch),
                )
            )
            stop = enter(StopRequest())
            started = saved = time.monotonic()
            stopped_by = 0
            while standing.done < settings.minibatches and not stopped_by:
                minibatch = feed.next()
                factor = settings.rate_factor(standing.done)
                result = self.trainer.run(minibatch.frames, minibatch.labels, rate_factor=factor)
                here_s = time.monotonic() - started
                standing.done += 1
                standing.elapsed_s = before_s + here_s
                standing.waiting_s = before_waiting_s + feed.waiting_s
                standing.recent = [*(standing.recent or [])[1 - RECENT :], result.accuracy]
                standing.sampler = minibatch.sampler
                left = settings.minibatches - standing.done
                progress = TrainingProgress(
                    minibatch=standing.done,
                    minibatches=settings.minibatches,
                    elapsed_s=standing.elapsed_s,
                    left_s=here_s / (standing.done - first) * left,
                    waiting_s=standing.waiting_s,
                    rate=settings.learning.rate * factor,
                    result=result,
                )
                for sink in told:
                    sink.add(progress)
                # Agreed on: saving and stopping take all replicas.
                due = time.monotonic() - saved >= SAVE_EVERY_S
                due_somewhere, stopped_by = replicas.largest(int(due), stop.signal or 0)
                if due_somewhere:
                    self._save(self._network)
                    saved = time.monotonic()
            ended = standing.done == settings.minibatches
            version = self._save(self._knowing())
        if replicas.leads:
            self._conclude(ended)
        share = standing.waiting_s / standing.elapsed_s if standing.elapsed_s else 0.0
        return TrainingOutcome(version, standing.done, share, None if ended else stopped_by)

    def _knowing(self) -> Network:
        """The network with what the gestures of training evoke, for live lessons to spare.

        A copy, so that a run that goes on is as if it had not stopped. Crops are drawn from the
        run's seed.
        """
        settings = self._settings
        if not self._network.settings.known_directions or not self._replicas.leads:
            return self._network
        network = self._network.copy()
        sampler = self._new_sampler()
        count = -(-KNOWN_FROM_CROPS // settings.crops.batch)
        minibatches = (
            cut_crops(self._trials, sampler.plan(), settings.crops.steps)[0] for _ in range(count)
        )
        find_known_directions(network, minibatches, burn_in_ms=BURN_IN_MS)
        return network

    def _new_sampler(self) -> CropSampler:
        settings = self._settings
        return CropSampler(self._trials, settings.crops, settings.seed, self._dataset.class_names)

    def _conclude(self, ended: bool) -> None:
        """Draw the log; what resuming needs is not needed after the end."""
        if can_draw():
            draw_training(self._folder.log, self._folder.figure)
        else:
            LOG.warning("no figure: it needs pip install 'wigwag[plots]'")
        if ended:
            self._folder.state_file.unlink(missing_ok=True)

    def _save_state(self) -> None:
        """Write what resuming needs, where the trainer has it.

        All replicas give their part of the state, and the leading one writes.
        """
        if self._settings.engine in RESUMABLE:
            state = self.trainer.state()
            if self._replicas.leads:
                self._folder.save_state(state, asdict(self._standing))

    def _save(self, network: Network) -> str:
        """Write the state, and `network`; gives the latter's version."""
        self._save_state()
        if not self._replicas.leads:
            return ""
        standing, settings = self._standing, self._settings.to_dict()
        share = np.mean(standing.recent or [(0.0,)], axis=0)
        record = {
            # The network is the checkpoint's own.
            "training": {name: value for name, value in settings.items() if name != "network"},
            "data": Path(self._dataset.name).name,
            "simulated": self._dataset.simulated,
            "users": sorted({trial.user for trial in self._trials}),
            "trials": len(self._trials),
            "found": list(self._dataset.found),
            "minibatches_done": standing.done,
            "training_accuracy": [round(float(value), 4) for value in share],
        }
        return save_checkpoint(
            self._folder.checkpoint,
            network,
            self._dataset.class_names,
            parent=standing.parent,
            record=record,
        )


def _repeating(
    users: Sequence[int] | None, start_from: Path | None, device: str, threads: int
) -> dict[str, str]:
    """Options that a run's result depends on besides its settings, where they are not as usual."""
    options = {
        "--users": None if users is None else user_range_text(users),
        "--start-from": None if start_from is None else str(start_from),
        "--device": None if device == "auto" else device,
        "--threads": None if threads == 1 else str(threads),
    }
    return {name: value for name, value in options.items() if value is not None}


def _trials(
    dataset: Dataset,
    settings: TrainingSettings,
    users: Collection[int] | None,
    reading: Reading | None,
    replicas: Replicas,
) -> Sequence[LabelledFrames]:
    """The gestures to train on; raises `InputError` where they do not fit the network."""
    network = settings.network
    for what, got, wanted, name in (
        ("classes", len(dataset.class_names), network.classes, "classes"),
        ("polarities", 2, network.input_channels, "input_channels"),
    ):
        if got != wanted:
            raise InputError(
                what=f"data set {dataset.name}",
                got=f"{got} {what}",
                allowed=f"{wanted}, as the network has",
                todo=f"set network.{name}",
            )
    # The first of each host cuts what is not in the cache yet, and the others find it there.
    first = int(os.environ.get("LOCAL_RANK", "0")) == 0 or replicas.size == 1
    if not first:
        replicas.wait()
    trials = dataset.trials(
        "train",
        rows=network.height,
        columns=network.width,
        counts=network.counts_events,
        users=users,
        reading=reading,
    )
    if first:
        replicas.wait()
    if replicas.leads:
        _say_what_stays(dataset.class_names, settings)
    short = sum(trial.frames < settings.crops.steps for trial in trials)
    empty = sum(trial.frames == 0 for trial in trials)
    if short and replicas.leads:
        LOG.warning(
            "%d of %d gestures are shorter than a crop of %d ms, silence follows them; "
            "%d of them end before the recording begins or begin after its end",
            *(short, len(trials), settings.crops.steps, empty),
        )
    return trials


def _say_what_stays(class_names: Sequence[str], settings: TrainingSettings) -> None:
    """Tell which classes are never mirrored or played backwards, although that was asked for."""
    for asked, counterparts, name in (
        (settings.crops.mirror, mirrored_classes(class_names), "crops.mirror"),
        (settings.crops.backwards, backward_classes(class_names), "crops.backwards"),
    ):
        pairs = zip(class_names, counterparts, strict=True)
        without = [class_name for class_name, other in pairs if other is None]
        if asked and without:
            LOG.warning("%s: %s%s", name, STAYS, ", ".join(without))


def _digest(trials: Sequence[LabelledFrames]) -> str:
    """Which gestures these are, without looking at their events."""
    digest = hashlib.blake2b(digest_size=8)
    for trial in trials:
        digest.update(f"{trial.gesture_class},{trial.user},{trial.light},{trial.frames};".encode())
    return digest.hexdigest()
