"""Three small tasks to compare variants on: minibatches to learn from, sequences to test."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.settings import NetworkSettings
from pipeline.crops import CropSampler, CropSettings, cut_crops
from pipeline.event_samples import EventSamples
from pipeline.experiments.linear_readout import Classes
from pipeline.experiments.small_network import COARSE_LAYERS
from pipeline.object_recordings import ObjectRecording
from pipeline.trials import TrialFrames
from pipeline.variation import Variation, changed, draw_change, draw_speed, frames_read

Minibatch = tuple[npt.NDArray[np.uint8], Classes]
"""Frames of shape (steps, B, channels, height, width), classes from 0 of shape (B,)."""
Sequences = Callable[[], list[Minibatch]]
BATCH = 16
TEST_BATCH = 32
PIXELS_PER_CELL = 2
SIMULATED_SET = Path("data") / "simulated"


@dataclass(frozen=True, slots=True)
class Task:
    """What a variant is tried on."""

    name: str
    simulated: bool
    network: NetworkSettings
    """As in the paper, of few cells and channels."""
    data: str
    """A digest of what is learnt from, chosen by and tested."""
    drawing: Callable[[int, Variation], Callable[[], Minibatch]]
    """From a seed, and how crops are varied, to what draws one minibatch after the other."""
    selection: Sequences
    """Neither learnt from nor tested: to choose by."""
    tests: Sequences


def three_layers(*, side: int, classes: int) -> NetworkSettings:
    """16, 24 and 32 channels on a square input of few cells."""
    return NetworkSettings(
        layers=COARSE_LAYERS, classes=classes, height=side, width=side, tau_pairs=2
    )


def digits_task(
    samples: EventSamples, *, side: int, seed: int, counts: bool = False, steps: int = 300
) -> Task:
    """N-MNIST in cells of 2 x 2 pixels: seven tenths to learn from, in crops of half their length.

    One tenth is there to choose by, two to test; the seed parts them. With `counts`, a cell holds
    how many events it had in its millisecond, and not whether any: crops are not varied then.
    """
    order = np.random.default_rng(seed).permutation(len(samples))
    first, chosen, last = np.split(order, [len(samples) * 7 // 10, len(samples) * 8 // 10])
    read = samples.count_frames if counts else samples.frames
    crop_steps = steps // 2

    def whole(sample: int) -> npt.NDArray[np.uint8]:
        return read(sample, side=side, steps=steps, pixels_per_cell=PIXELS_PER_CELL)

    def drawing(draws_seed: int, variation: Variation) -> Callable[[], Minibatch]:
        rng = np.random.default_rng(draws_seed)
        # Bits of what was cut once: reading events anew takes longer than learning from them.
        kept = {int(sample): whole(int(sample)) for sample in first}

        def draw() -> Minibatch:
            some = rng.choice(first, BATCH)
            crops = [varied_crop(kept[int(each)], crop_steps, variation, rng) for each in some]
            return np.stack(crops, axis=1), samples.classes[some]

        return draw

    def sequences(part: npt.NDArray[np.int64]) -> Sequences:
        def cut() -> list[Minibatch]:
            parts = [part[begin : begin + TEST_BATCH] for begin in range(0, len(part), TEST_BATCH)]
            return [
                (np.stack([whole(int(each)) for each in some], axis=1), samples.classes[some])
                for some in parts
            ]

        return cut

    classes = int(samples.classes.max()) + 1
    network = replace(
        three_layers(side=side, classes=classes), input_frames="counts" if counts else "binary"
    )
    name = "N-MNIST, real"
    data = digest_of(samples.events, samples.offsets, samples.classes, order)
    return Task(name, False, network, data, drawing, sequences(chosen), sequences(last))


@dataclass(frozen=True, slots=True)
class _Part:
    """Frames `[begin, end)` of a recording."""

    recording: ObjectRecording
    begin: int
    end: int


def objects_task(recordings: Sequence[ObjectRecording], *, window_steps: int = 200) -> Task:
    """The turntable: crops of the first half of each recording; the last third is tested.

    The sixth between them is there to choose by.
    """
    names = sorted({recording.class_name for recording in recordings})

    def parts(begin: float, end: float) -> list[_Part]:
        found = []
        for recording in recordings:
            frames = len(recording.bits)
            found.append(_Part(recording, int(begin * frames), int(end * frames)))
        return found

    def drawing(seed: int, variation: Variation) -> Callable[[], Minibatch]:
        rng, halves = np.random.default_rng(seed), parts(0.0, 0.5)
        lengths = np.array([half.end - half.begin for half in halves], float)
        longest = frames_read(window_steps, variation.speed_up_to)

        def draw() -> Minibatch:
            crops, classes = [], []
            for number in rng.choice(len(halves), BATCH, p=lengths / lengths.sum()):
                half = halves[number]
                begin = int(rng.integers(half.begin, max(half.end - longest, half.begin) + 1))
                frames = half.recording.frames(begin, min(begin + longest, half.end))
                crops.append(varied_crop(frames, window_steps, variation, rng))
                classes.append(names.index(half.recording.class_name))
            return np.stack(crops, axis=1), np.array(classes)

        return draw

    def sequences(begin: float, end: float) -> Sequences:
        def cut() -> list[Minibatch]:
            windows = [
                (part.recording, at)
                for part in parts(begin, end)
                for at in range(part.begin, part.end - window_steps + 1, window_steps)
            ]
            found = []
            for at in range(0, len(windows), TEST_BATCH):
                some = windows[at : at + TEST_BATCH]
                frames = [item.frames(first, first + window_steps) for item, first in some]
                classes = np.array([names.index(item.class_name) for item, _ in some])
                found.append((np.stack(frames, axis=1), classes))
            return found

        return cut

    network = three_layers(side=recordings[0].side, classes=len(names))
    name = "turntable objects, real"
    data = digest_of(*(item.bits for item in recordings), *(item.class_name for item in recordings))
    return Task(name, False, network, data, drawing, sequences(0.5, 2 / 3), sequences(2 / 3, 1.0))


def gestures_task(
    train: Sequence[TrialFrames],
    selection: Sequence[TrialFrames],
    test: Sequence[TrialFrames],
    *,
    simulated: bool,
    steps: int = 200,
    test_steps: int = 900,
) -> Task:
    """Gestures: crops of the training users; the beginning of each gesture of the others."""

    def drawing(seed: int, variation: Variation) -> Callable[[], Minibatch]:
        same = {name: getattr(variation, name) for name in Variation.__dataclass_fields__}
        crops = CropSettings(batch=BATCH, steps=steps, **same)
        sampler = CropSampler(train, crops, seed)
        return lambda: cut_crops(train, sampler.plan(), crops.steps)

    def sequences(trials: Sequence[TrialFrames]) -> Sequences:
        def cut() -> list[Minibatch]:
            found = []
            for begin in range(0, len(trials), TEST_BATCH):
                some = trials[begin : begin + TEST_BATCH]
                frames = np.stack([trial.unpack(0, test_steps) for trial in some], axis=1)
                found.append((frames, np.array([trial.gesture_class - 1 for trial in some])))
            return found

        return cut

    name = "gestures, simulated" if simulated else "gestures"
    network = replace(three_layers(side=train[0].rows, classes=11), width=train[0].columns)
    parts = (train, selection, test)
    data = digest_of(
        *map(len, parts),
        *(each.gesture_class for each in chain(*parts)),
        *(each.bits for each in chain(*parts)),
    )
    return Task(name, simulated, network, data, drawing, sequences(selection), sequences(test))


def digest_of(*parts: npt.NDArray[Any] | str | int) -> str:
    """The same for the same arrays, names and numbers in the same order."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype} {part.shape} ".encode() + np.ascontiguousarray(part).data)
        else:
            digest.update(f"{part!r} ".encode())
    return digest.hexdigest()


def varied_crop(
    frames: npt.NDArray[np.uint8], steps: int, variation: Variation, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """A crop of so many steps from anywhere in `frames`, varied; silence follows too few."""
    speed = draw_speed(variation, rng)
    read = frames_read(steps, speed)
    begin = int(rng.integers(max(len(frames) - read, 0) + 1))
    change = draw_change(variation, rng)
    return changed(frames[begin : begin + read], change, steps=steps, speed=speed)
