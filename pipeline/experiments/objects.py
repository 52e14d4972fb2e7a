"""Real objects on a turntable as one stream: test, then learn; then what was not learnt from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from drivers.errors import InputError
from models.events_sums import Summing, Sums
from models.network import Network
from models.torch_engine import prepare_torch
from pipeline.experiments.figures import draw_confusion, need_matplotlib, new_figure, save_figure
from pipeline.experiments.linear_readout import (
    LINEAR_ALL,
    LINEAR_LAYERS,
    LINEAR_TOP,
    Classes,
    fit_linear,
)
from pipeline.experiments.object_windows import (
    USUAL,
    ObjectsSettings,
    Window,
    frames_of,
    interleaved,
    varied,
    varied_once,
    windows_of,
)
from pipeline.experiments.online_learner import Frames, OnlineLearner
from pipeline.experiments.report import Report
from pipeline.experiments.schedule import cosine
from pipeline.experiments.sequence_scores import score_sequences, votes_of
from pipeline.experiments.settings import ExperimentSettings, Say
from pipeline.experiments.trained_reading import TrainedReading, load_trained_reading
from pipeline.experiments.turns import turn_steps, was_shown
from pipeline.object_recordings import ObjectRecording, read_object_recordings
from pipeline.real_data import find

LEARNT_SHARE = 2 / 3
"""Of each recording, from its beginning; the rest is the test."""
UNTRAINED = "untrained network"


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
    before: list[npt.NDArray[np.bool_]] = []
    reading = _learn(first, names, regime, settings.seed, right=before)
    right = np.concatenate(before, axis=1)
    say(f"stream learnt, {report.elapsed_s / 60:.1f} minutes: prequential " + _text(right.mean(1)))
    tested, confusion = _read_both(reading, first, last, regime, settings.seed)
    say("last third: " + _shares(tested["accuracy"]))
    tested["by_views"] = _by_views(reading, last, names, regime, turn_steps(recordings))
    for views, found in tested["by_views"].items():
        say(f"last third, {found['windows']} windows of {views}: " + _shares(found["accuracy"]))
    say("last third, untrained: " + _shares(tested[UNTRAINED]["accuracy"]))
    everything = [*first, *chain.from_iterable(last.values())]
    version = _learn(everything, names, regime, settings.seed).save(
        settings.out / "objects.safetensors",
        {"experiment": "objects", "simulated": False, "seed": settings.seed},
    )
    say(f"learnt from everything and saved, {report.elapsed_s / 60:.1f} minutes")
    left_out = _leave_one_out(everything, names, regime, settings.seed)
    if left_out is not None:
        say(f"{left_out['recording']}, left out: " + _shares(left_out["accuracy"]))
        say(f"{left_out['recording']}, untrained: " + _shares(left_out[UNTRAINED]["accuracy"]))
    results = {
        "regime": asdict(regime),
        "class_names": names,
        "windows_learnt": len(first),
        "prequential_right": right.astype(int),
        "last_third": tested,
        "left_out": left_out,
        "confusion": confusion,
        "version": version,
    }
    draw(right, confusion, tested, names, regime, settings)
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


def _learn(
    windows: Sequence[Window],
    names: tuple[str, ...],
    regime: ObjectsSettings,
    seed: int,
    *,
    right: list[npt.NDArray[np.bool_]] | None = None,
) -> TrainedReading:
    """Adds to `right`, if given, what was right before it was learnt, shape (layers, minibatch)."""
    rng = np.random.default_rng(seed)
    learner = _learner(regime, seed)
    classes = _classes(windows, names)
    in_all = regime.passes * (len(windows) // regime.batch)
    number = 0
    for turn in range(regime.passes):
        # In one stream, objects change; each keeps the order of its recording.
        order = interleaved(windows, rng) if turn == 0 else rng.permutation(len(windows))
        for begin in range(0, len(order) - regime.batch + 1, regime.batch):
            chosen = order[begin : begin + regime.batch]
            if turn == 0 and right is not None:
                plain = [frames_of(windows[index], regime) for index in chosen]
                right.append(learner.run(plain).votes.argmax(2) == classes[chosen])
            crops = [varied(windows[index], regime, rng) for index in chosen]
            learner.learn(crops, classes[chosen], rate_factor=cosine(number / in_all))
            number += 1
    return _with_linear_layers(learner, windows, names, regime, seed)


def _learner(regime: ObjectsSettings, seed: int) -> OnlineLearner:
    return OnlineLearner(
        Network(replace(regime.network, seed=seed)),
        regime.learning,
        batch=regime.batch,
        burn_in_ms=regime.burn_in_ms,
        learn_every_ms=regime.learn_every_ms,
    )


def _classes(windows: Sequence[Window], names: tuple[str, ...]) -> Classes:
    return np.array([names.index(recording.class_name) for recording, _ in windows])


def _with_linear_layers(
    learner: OnlineLearner,
    windows: Sequence[Window],
    names: tuple[str, ...],
    regime: ObjectsSettings,
    seed: int,
) -> TrainedReading:
    sums = learner.run(varied_once(windows, regime, seed))
    linear = fit_linear(sums, _classes(windows, names), LINEAR_LAYERS, ridge=regime.ridge)
    return TrainedReading(learner.network, names, linear)


def _read_both(
    reading: TrainedReading,
    learnt: Sequence[Window],
    tests: dict[str, list[Window]],
    regime: ObjectsSettings,
    seed: int,
) -> tuple[dict[str, Any], npt.NDArray[np.int64]]:
    """What has learnt, and beside it linear layers on a network that has learnt nothing."""
    names = reading.class_names
    found, confusion = _test(reading, tests, names, regime)
    blank = _with_linear_layers(_learner(regime, seed), learnt, names, regime, seed)
    control, _ = _test(blank, tests, names, regime)
    found[UNTRAINED] = {
        key: {way: shares[way] for way in LINEAR_LAYERS}
        for key, shares in control.items()
        if key.startswith("accuracy")
    }
    return found, confusion


def _by_views(
    reading: TrainedReading,
    tests: dict[str, list[Window]],
    names: tuple[str, ...],
    regime: ObjectsSettings,
    turn: int | None,
) -> dict[str, Any]:
    """Windows whose views the learnt share of their own recording showed, and the others."""
    found: dict[str, dict[str, list[Window]]] = {}
    if turn is None:
        return found
    for name, windows in tests.items():
        for recording, begin in windows:
            learnt = int(LEARNT_SHARE * len(recording.bits))
            shown = was_shown(begin, regime.window_steps, learnt_steps=learnt, turn=turn)
            views = found.setdefault("views that were learnt from" if shown else "other views", {})
            views.setdefault(name, []).append((recording, begin))
    return {views: _test(reading, windows, names, regime)[0] for views, windows in found.items()}


def _leave_one_out(
    windows: Sequence[Window], names: tuple[str, ...], regime: ObjectsSettings, seed: int
) -> dict[str, Any] | None:
    """The last recording of a class that has another: learnt without it, tested on it."""
    recordings = {recording.name: recording.class_name for recording, _ in windows}
    several = [name for name, own in recordings.items() if list(recordings.values()).count(own) > 1]
    if not several:
        return None
    left = several[-1]
    others = [window for window in windows if window[0].name != left]
    tests = {left: [window for window in windows if window[0].name == left]}
    found, _ = _read_both(_learn(others, names, regime, seed), others, tests, regime, seed)
    return {"recording": left, **found}


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
    tested: dict[str, Any],
    names: tuple[str, ...],
    regime: ObjectsSettings,
    settings: ExperimentSettings,
) -> None:
    """Prequential accuracy against stream time; ways of reading, and confusion, of last thirds."""
    figure, (curve, bars, matrix) = new_figure(1, 3, width=12.0, height=3.6)
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
    shares = tested["accuracy"] | {
        f"{way}, untrained": tested[UNTRAINED]["accuracy"][way] for way in (LINEAR_TOP, LINEAR_ALL)
    }
    ways = list(shares)[::-1]
    colours = ["C7" if way.endswith("untrained") else "C0" for way in ways]
    bars.barh(ways, [100 * shares[way] for way in ways], color=colours)
    bars.set(xlabel="right of windows of last thirds (%)", xlim=(0, 100))
    draw_confusion(matrix, confusion, names)
    matrix.tick_params(axis="x", rotation=45)
    matrix.set_title(f"last thirds, {LINEAR_ALL}", fontsize=9)
    save_figure(figure, settings.out / "objects.png")
