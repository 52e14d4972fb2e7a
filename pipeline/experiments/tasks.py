"""Small tasks to compare variants of the rule on: minibatches to learn from, sequences to test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.settings import NetworkSettings
from pipeline.crops import CropSampler, CropSettings, cut_crops
from pipeline.experiments.event_samples import EventSamples
from pipeline.experiments.linear_readout import Classes
from pipeline.experiments.object_recordings import ObjectRecording
from pipeline.experiments.objects import LEARNT_SHARE, frames_of, windows_of
from pipeline.experiments.objects import USUAL as OBJECTS
from pipeline.experiments.small_network import SMALL_LAYERS
from pipeline.trials import TrialFrames

Minibatch = tuple[npt.NDArray[np.uint8], Classes]
"""Frames of shape (steps, B, channels, height, width), classes from 0 of shape (B,)."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a variant is tried on."""

    name: str
    simulated: bool
    network: NetworkSettings
    drawing: Callable[[int], Callable[[], Minibatch]]
    """From a seed to what draws one minibatch after the other."""
    tests: Callable[[], list[Minibatch]]


BATCH = 16
TEST_BATCH = 32


def three_layers(*, side: int, classes: int) -> NetworkSettings:
    """16, 24 and 32 channels on a square input."""
    return NetworkSettings(
        layers=SMALL_LAYERS,
        classes=classes,
        height=side,
        width=side,
        tau_pairs=2,
        gain=10.0,
    )


def digits_task(samples: EventSamples, *, side: int, counts: bool, seed: int) -> Task:
    """N-MNIST: four fifths to learn from, in crops of 150 ms, and one fifth to test.

    With `counts`, a cell holds how many events it had in its millisecond, and not whether any.
    """
    order = np.random.default_rng(seed).permutation(len(samples))
    first, last = np.split(order, [len(samples) * 4 // 5])
    frames = samples.count_frames if counts else samples.frames

    def drawing(draws_seed: int) -> Callable[[], Minibatch]:
        rng = np.random.default_rng(draws_seed)

        def draw() -> Minibatch:
            chosen = rng.choice(first, BATCH)
            crops = []
            for sample in chosen:
                right, down = rng.integers(-2, 3, 2)
                whole = frames(int(sample), side=side, steps=300, right=int(right), down=int(down))
                begin = int(rng.integers(151))
                crops.append(whole[begin : begin + 150])
            return np.stack(crops, axis=1), samples.classes[chosen]

        return draw

    def tests() -> list[Minibatch]:
        found = []
        for begin in range(0, len(last), TEST_BATCH):
            chosen = last[begin : begin + TEST_BATCH]
            whole = [frames(int(sample), side=side, steps=300) for sample in chosen]
            found.append((np.stack(whole, axis=1), samples.classes[chosen]))
        return found

    classes = int(samples.classes.max()) + 1
    network = three_layers(side=side, classes=classes)
    return Task("N-MNIST, real", False, network, drawing, tests)


def objects_task(recordings: list[ObjectRecording]) -> Task:
    """The turntable: windows of the first two thirds of each recording, tested on the last."""
    names = sorted({recording.class_name for recording in recordings})
    first = [each for item in recordings for each in windows_of(item, 0.0, LEARNT_SHARE, OBJECTS)]
    last = [each for item in recordings for each in windows_of(item, LEARNT_SHARE, 1.0, OBJECTS)]

    def minibatch(windows: list[tuple[ObjectRecording, int]]) -> Minibatch:
        frames = np.stack([frames_of(window, OBJECTS) for window in windows], axis=1)
        return frames, np.array([names.index(recording.class_name) for recording, _ in windows])

    def drawing(seed: int) -> Callable[[], Minibatch]:
        rng = np.random.default_rng(seed)
        return lambda: minibatch([first[index] for index in rng.integers(0, len(first), BATCH)])

    def tests() -> list[Minibatch]:
        return [
            minibatch(last[begin : begin + TEST_BATCH]) for begin in range(0, len(last), TEST_BATCH)
        ]

    network = replace(OBJECTS.network, classes=len(names))
    return Task("turntable objects, real", False, network, drawing, tests)


def gestures_task(
    train: list[TrialFrames], test: list[TrialFrames], network: NetworkSettings, *, simulated: bool
) -> Task:
    """Gestures: crops of 400 ms of the training users, the protocol's 1,800 ms of the others."""

    def drawing(seed: int) -> Callable[[], Minibatch]:
        crops = CropSettings(batch=BATCH)
        sampler = CropSampler(train, crops, seed)
        return lambda: cut_crops(train, sampler.plan(), crops.steps)

    def tests() -> list[Minibatch]:
        found = []
        for begin in range(0, len(test), TEST_BATCH):
            some = test[begin : begin + TEST_BATCH]
            frames = np.stack([trial.unpack(0, 1800) for trial in some], axis=1)
            found.append((frames, np.array([trial.gesture_class - 1 for trial in some])))
        return found

    name = "gestures, simulated" if simulated else "gestures"
    return Task(name, simulated, network, drawing, tests)


SIMULATED_SET = Path("data") / "simulated"
