"""Real objects on a turntable as one stream: test, then learn; then what was not learnt from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from drivers.errors import InputError
from models.events_sums import Summing, Sums
from models.network import Network
from models.settings import LearningSettings, NetworkSettings
from models.torch_engine import prepare_torch
from pipeline.experiments.figures import draw_confusion, need_matplotlib, new_figure, save_figure
from pipeline.experiments.linear_readout import LINEAR_ALL, LINEAR_LAYERS, fit_linear
from pipeline.experiments.object_recordings import ObjectRecording, read_object_recordings
from pipeline.experiments.online_learner import Frames, OnlineLearner
from pipeline.experiments.real_data import find
from pipeline.experiments.report import Report
from pipeline.experiments.schedule import cosine
from pipeline.experiments.sequence_scores import score_sequences, votes_of
from pipeline.experiments.settings import ExperimentSettings, Say
from pipeline.experiments.small_network import SMALL_LAYERS
from pipeline.experiments.trained_reading import TrainedReading, load_trained_reading
from pipeline.variation import Change, changed

LEARNT_SHARE = 2 / 3
"""Of each recording, from its beginning; the rest is the test."""


@dataclass(frozen=True, slots=True)
class ObjectsSettings:
    """How it learns; chosen by leaving `Estilete_1` out, a second recording of its class."""

    network: NetworkSettings
    """`classes` is that of the recordings, whatever it says here."""
    learning: LearningSettings
    batch: int = 4
    """Windows that are learnt from together."""
    window_steps: int = 300
    passes: int = 3
    """The first is prequential: every window is classified before it is learnt."""
    burn_in_ms: int = 50
    learn_every_ms: int = 5
    shift_cells: int = 3
    """Windows learnt from are moved by up to so many cells each way."""
    ridge: float = 1.0
    together: int = 4
    """Windows in a row whose scores are also added up, to one answer each."""


USUAL = ObjectsSettings(
    network=NetworkSettings(
        layers=SMALL_LAYERS,
        classes=6,
        height=32,
        width=32,
        tau_pairs=2,
        gain=10.0,
    ),
    learning=LearningSettings(rate=2e-3),
)

Window = tuple[ObjectRecording, int]
"""A recording and the first frame of a window of it."""


def run(settings: ExperimentSettings, say: Say) -> dict[str, Any]:
    """Learn the stream, test, save what has learnt from all of it; or test what was saved."""
    prepare_torch(settings.threads)
    if settings.checkpoint is not None:
        folder = settings.test or find(settings.data, "dvs128_objects")
        return test_saved(settings.checkpoint, folder, settings, say)
    need_matplotlib()
    folder = find(settings.data, "dvs128_objects")
    recordings = read_object_recordings(folder, side=USUAL.network.height)
    return learn_stream(recordings, USUAL, settings, say)


def learn_stream(
    recordings: Sequence[ObjectRecording],
    regime: ObjectsSettings,
    settings: ExperimentSettings,
    say: Say,
) -> dict[str, Any]:
    """The experiment on any recordings of at least two classes."""
    names = tuple(sorted({recording.class_name for recording in recordings}))
    if len(names) < 2:
        raise InputError(
            what="recordings of objects",
            got=f"the classes {names}",
            allowed="two classes or more",
            todo="name a folder with more of them",
        )
    regime = replace(regime, network=replace(regime.network, classes=len(names)))
    report = Report("objects", settings, data="real turntable recordings, DVS128", simulated=False)
    first = [
        window for item in recordings for window in windows_of(item, 0.0, LEARNT_SHARE, regime)
    ]
    last = {item.name: windows_of(item, LEARNT_SHARE, 1.0, regime) for item in recordings}
    reading, right = _learn(first, names, regime, settings.seed)
    say(f"stream learnt, {report.elapsed_s / 60:.1f} minutes: prequential " + _text(right.mean(1)))
    tested, confusion = _test(reading, last, names, regime)
    say("last third: " + _shares(tested["accuracy"]))
    everything = [*first, *chain.from_iterable(last.values())]
    final, _ = _learn(everything, names, regime, settings.seed)
    version = final.save(
        settings.out / "objects.safetensors",
        {"experiment": "objects", "simulated": False, "seed": settings.seed},
    )
    results = {
        "regime": asdict(regime),
        "class_names": names,
        "windows_learnt": len(first),
        "prequential_right": right.astype(int),
        "last_third": tested,
        "confusion": confusion,
        "version": version,
    }
    draw(right, confusion, names, regime, settings)
    report.write(results)
    return results


def test_saved(
    checkpoint: Path, folder: Path, settings: ExperimentSettings, say: Say
) -> dict[str, Any]:
    """Accuracy of a saved network on whole recordings of its classes."""
    report = Report("objects_test", settings, data=f"recordings in {folder}", simulated=False)
    reading = load_trained_reading(checkpoint)
    regime = replace(USUAL, network=reading.network.settings)
    recordings = read_object_recordings(folder, side=regime.network.height)
    unknown = {item.class_name for item in recordings} - set(reading.class_names)
    known = [item for item in recordings if item.class_name not in unknown]
    if unknown:
        say(f"left out, not a class of {checkpoint}: {', '.join(sorted(unknown))}")
    if not known:
        raise InputError(
            what=f"folder {folder}",
            got=f"the classes {sorted(unknown)}",
            allowed=f"recordings named after {', '.join(reading.class_names)}",
            todo="name another with --test",
        )
    windows = {item.name: windows_of(item, 0.0, 1.0, regime) for item in known}
    tested, confusion = _test(reading, windows, reading.class_names, regime)
    for name, shares in tested["by_recording"].items():
        say(f"{name}: " + _shares(shares))
    say("all: " + _shares(tested["accuracy"]))
    results = {"left_out": sorted(unknown), "test": tested, "confusion": confusion}
    report.write(results)
    return results


def windows_of(
    recording: ObjectRecording, begin: float, end: float, regime: ObjectsSettings
) -> list[Window]:
    """Windows side by side between two shares of a recording."""
    frames, steps = len(recording.bits), regime.window_steps
    return [
        (recording, at) for at in range(int(begin * frames), int(end * frames) - steps + 1, steps)
    ]


def _learn(
    windows: Sequence[Window], names: tuple[str, ...], regime: ObjectsSettings, seed: int
) -> tuple[TrainedReading, npt.NDArray[np.bool_]]:
    """Also gives what was right before it was learnt, first pass, shape (layers, windows)."""
    rng = np.random.default_rng(seed)
    learner = OnlineLearner(
        Network(replace(regime.network, seed=seed)),
        regime.learning,
        batch=regime.batch,
        burn_in_ms=regime.burn_in_ms,
        learn_every_ms=regime.learn_every_ms,
    )
    classes = np.array([names.index(recording.class_name) for recording, _ in windows])
    in_all = regime.passes * (len(windows) // regime.batch)
    right, number = [], 0
    for turn in range(regime.passes):
        # In one stream, objects change; each keeps the order of its recording.
        order = _interleaved(windows, rng) if turn == 0 else rng.permutation(len(windows))
        for begin in range(0, len(order) - regime.batch + 1, regime.batch):
            chosen = order[begin : begin + regime.batch]
            plain = [frames_of(windows[index], regime) for index in chosen]
            if turn == 0:
                right.append(learner.run(plain).votes.argmax(2) == classes[chosen])
            moved = [_moved(frames, regime.shift_cells, rng) for frames in plain]
            learner.learn(moved, classes[chosen], rate_factor=cosine(number / in_all))
            number += 1
    seen = (_moved(frames_of(window, regime), regime.shift_cells, rng) for window in windows)
    linear = fit_linear(learner.run(seen), classes, LINEAR_LAYERS, ridge=regime.ridge)
    return TrainedReading(learner.network, names, linear), np.concatenate(right, axis=1)


def _interleaved(windows: Sequence[Window], rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """An order in which recordings alternate at random, each going forward in time."""
    recordings = np.array([id(recording) for recording, _ in windows])
    order = np.empty(len(windows), np.int64)
    slots = rng.permutation(recordings)
    for recording in np.unique(recordings):
        order[slots == recording] = np.flatnonzero(recordings == recording)
    return order


def frames_of(window: Window, regime: ObjectsSettings) -> Frames:
    """A window's frames, shape (window_steps, 2, side, side)."""
    recording, begin = window
    return recording.frames(begin, begin + regime.window_steps)


def _moved(frames: Frames, most: int, rng: np.random.Generator) -> Frames:
    down, right = rng.integers(-most, most + 1, 2)
    return changed(frames, Change(int(down), int(right)), steps=len(frames))


def _test(
    reading: TrainedReading,
    by_recording: dict[str, list[Window]],
    names: tuple[str, ...],
    regime: ObjectsSettings,
) -> tuple[dict[str, Any], npt.NDArray[np.int64]]:
    """Accuracy by window, in all and by recording, by several windows, and by whole recording."""
    found: dict[str, Any] = {}
    confusion = np.zeros((len(names), len(names)), np.int64)
    single: dict[str, list[float]] = {}
    joint: dict[str, list[float]] = {}
    whole: dict[str, list[float]] = {}
    summing = Summing(reading.network)
    for name, windows in by_recording.items():
        if not windows:
            continue
        truth = names.index(windows[0][0].class_name)
        scores = score_sequences(_sums(summing, windows, regime), reading.linear)
        confusion[truth] += np.bincount(scores.classes(LINEAR_ALL), minlength=len(names))
        found[name] = {}
        for way, each in scores.by_reading.items():
            answers = each.argmax(1) == truth
            found[name][way] = float(answers.mean())
            single.setdefault(way, []).extend(answers)
            groups = [
                each[begin : begin + regime.together].sum(0).argmax() == truth
                for begin in range(0, len(each), regime.together)
            ]
            joint.setdefault(way, []).extend(groups)
            whole.setdefault(way, []).append(each.sum(0).argmax() == truth)
    return {
        "accuracy": _means(single),
        "accuracy_of_windows_together": _means(joint),
        "accuracy_of_recordings": _means(whole),
        "windows": len(next(iter(single.values()))),
        "by_recording": found,
    }, confusion


def _sums(summing: Summing, windows: Sequence[Window], regime: ObjectsSettings) -> Sums:
    def sequences() -> Iterator[Frames]:
        for window in windows:
            yield frames_of(window, regime)

    return summing.run(sequences(), burn_in_ms=regime.burn_in_ms)


def _means(right: dict[str, list[float]]) -> dict[str, float]:
    return {way: float(np.mean(answers)) for way, answers in right.items()}


def _shares(shares: dict[str, float]) -> str:
    return ", ".join(f"{name} {share:.1%}" for name, share in shares.items())


def _text(shares: npt.NDArray[np.float64]) -> str:
    return ", ".join(
        f"{votes_of(layer)} {share:.1%}" for layer, share in enumerate(shares, start=1)
    )


def draw(
    right: npt.NDArray[np.bool_],
    confusion: npt.NDArray[np.int64],
    names: tuple[str, ...],
    regime: ObjectsSettings,
    settings: ExperimentSettings,
) -> None:
    """Prequential accuracy against stream time, and the confusion matrix of the last thirds."""
    figure, (curve, matrix) = new_figure(1, 2, width=9.0, height=3.6)
    width = max(min(50, right.shape[1] // 4), 1)
    time_s = np.arange(width, right.shape[1] + 1) * regime.window_steps / 1000.0
    for layer, row in enumerate(right, start=1):
        sums = np.cumsum(np.insert(row.astype(float), 0, 0.0))
        curve.plot(time_s, 100 * (sums[width:] - sums[:-width]) / width, label=votes_of(layer))
    curve.set(
        xlabel="stream time (s)", ylabel=f"right of the last {width} windows (%)", ylim=(0, 101)
    )
    curve.set_title("real recordings, tested before learnt", fontsize=9)
    curve.legend(fontsize=8)
    draw_confusion(matrix, confusion, names)
    matrix.tick_params(axis="x", rotation=45)
    matrix.set_title(f"last thirds, {LINEAR_ALL}", fontsize=9)
    save_figure(figure, settings.out / "objects.png")
