"""`wigwag train`: a checkpoint from a folder in the DvsGesture layout."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from drivers.errors import InputError
from drivers.gestures import GESTURE_NAMES
from models.checkpoint import load_checkpoint, save_checkpoint
from models.engines import trainer_for
from models.network import Network
from models.settings import TrainingEngineName, preset
from models.torch_engine import choose_device, prepare_torch
from models.trainer import BURN_IN_MS, MinibatchResult
from pipeline.crops import CropSampler, CropSettings
from pipeline.trials import load_trials
from recordings.dvsgesture import read_gesture_set
from recordings.simulated_set import NOTICE_FILE

SAVE_EVERY_S = 120.0
FINAL_RATE_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """One training run; its result depends on these and the data, not on the time it takes."""

    preset: str = "small"
    minibatches: int = 1200
    engine: TrainingEngineName = "auto"
    """What works a minibatch off; see `models.engines.trainer_for`."""
    learn_every_ms: int = 7
    """A learning step at every this many ms; the network advances at every one."""
    crops: CropSettings = field(default_factory=CropSettings)
    seed: int = 0

    def __post_init__(self) -> None:
        for what, got in (
            ("minibatches", self.minibatches),
            ("learning interval", self.learn_every_ms),
        ):
            if got < 1:
                raise InputError(
                    what=what, got=str(got), allowed="1 or more", todo="mend the setting"
                )
        if self.crops.steps <= BURN_IN_MS:
            raise InputError(
                what="crop steps",
                got=str(self.crops.steps),
                allowed=f"above {BURN_IN_MS}: nothing is learnt from the first {BURN_IN_MS} ms",
                todo="take longer crops",
            )


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """Where a run stands after a minibatch."""

    minibatch: int
    minibatches: int
    elapsed_s: float
    result: MinibatchResult

    @property
    def left_s(self) -> float:
        """Time still needed at the pace so far."""
        return self.elapsed_s / self.minibatch * (self.minibatches - self.minibatch)


def rate_factor(done: float) -> float:
    """Cosine decay of the learning rate, from 1 to `FINAL_RATE_SHARE`, `done` from 0 to 1."""
    return FINAL_RATE_SHARE + (1.0 - FINAL_RATE_SHARE) * 0.5 * (1.0 + math.cos(math.pi * done))


def train(
    folder: Path,
    out: Path,
    settings: TrainingSettings,
    *,
    users: Collection[int] | None = None,
    start_from: Path | None = None,
    rate: float | None = None,
    device: str = "auto",
    threads: int = 1,
    reading: Callable[[int, int], None] | None = None,
    progress: Callable[[TrainingProgress], None] | None = None,
) -> str:
    """Train on the set's training users and write a checkpoint to `out`; returns its version.

    `users` names some of them, so that others are left to choose settings by.

    Training begins from the preset's random weights, or from those of the checkpoint
    `start_from`; `rate` takes the place of the preset's learning rate. The checkpoint is also
    written every two minutes, so that a run cut short leaves one. `reading` is called with
    recordings read and in all, `progress` after every minibatch. Raises `InputError` for the
    folder and settings, `ModelError` for the preset, the checkpoint and unfit weights.
    """
    if not out.parent.is_dir():
        raise InputError(
            what=f"checkpoint {out}",
            got=f"no folder {out.parent}",
            allowed="a file in a folder that exists",
            todo="make the folder",
        )
    prepare_torch(threads)
    chosen = preset(settings.preset, seed=settings.seed)
    learning = chosen.learning if rate is None else replace(chosen.learning, rate=rate)
    parent: str | None = None
    if start_from is None:
        network = Network(chosen.network, device=choose_device(device))
    else:
        begin = load_checkpoint(start_from, device=choose_device(device))
        network, parent = begin.network, begin.version
    gesture_set = read_gesture_set(folder)
    recordings = gesture_set.of("train", users)
    shape = network.settings
    trials = load_trials(recordings, rows=shape.height, columns=shape.width, progress=reading)
    sampler = CropSampler(trials, settings.crops, settings.seed)
    trainer = trainer_for(
        network,
        learning,
        batch=settings.crops.batch,
        learn_every_ms=settings.learn_every_ms,
        engine=settings.engine,
    )
    record: dict[str, Any] = {
        "training": asdict(settings),
        "learning": asdict(learning),
        "simulated": (folder / NOTICE_FILE).exists(),
        "users": sorted({item.user for item in recordings}),
        "trials": len(trials),
    }
    started = saved = time.monotonic()
    recent: list[MinibatchResult] = []

    def save(done: int) -> str:
        nonlocal saved
        saved = time.monotonic()
        share = np.mean([item.accuracy for item in recent], axis=0)
        figures = {
            "minibatches_done": done,
            "training_accuracy": [round(float(value), 4) for value in share],
        }
        return save_checkpoint(
            out, network, GESTURE_NAMES, parent=parent, record={**record, **figures}
        )

    # One minibatch is drawn while the one before it is being learnt.
    with ThreadPoolExecutor(max_workers=1) as drawer:
        waiting = drawer.submit(sampler.draw)
        for number in range(1, settings.minibatches + 1):
            frames, labels = waiting.result()
            if number < settings.minibatches:
                waiting = drawer.submit(sampler.draw)
            result = trainer.run(
                frames, labels, rate_factor=rate_factor((number - 1) / settings.minibatches)
            )
            recent = [*recent[-49:], result]
            if progress is not None:
                elapsed_s = time.monotonic() - started
                progress(TrainingProgress(number, settings.minibatches, elapsed_s, result))
            if time.monotonic() - saved >= SAVE_EVERY_S:
                save(number)
    return save(settings.minibatches)
