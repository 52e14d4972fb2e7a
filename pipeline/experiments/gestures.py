"""Gestures by the paper's protocol (P 4.3, Figs. 4 and 5), on a folder in the DvsGesture layout."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from drivers.errors import InputError
from drivers.gestures import GESTURE_NAMES
from models.checkpoint import load_checkpoint, save_checkpoint
from models.network import Network
from models.torch_engine import prepare_torch
from models.trainer import Trainer
from pipeline.crops import CropSampler, cut_crops
from pipeline.evaluation import BURN_IN_FRAMES
from pipeline.experiments.figures import draw_confusion, need_matplotlib, new_figure, save_figure
from pipeline.experiments.gesture_votes import decisions_of_trials, first_right_ms
from pipeline.experiments.linear_readout import Classes
from pipeline.experiments.report import Report
from pipeline.experiments.settings import ExperimentSettings, Say
from pipeline.experiments.simulated_gestures import one_in
from pipeline.training_settings import training_settings
from pipeline.trials import TRIAL_FRAMES, TrialFrames, load_trials
from recordings.dvsgesture import GestureSet, read_gesture_set
from recordings.simulated_set import NOTICE_FILE

USUAL_FOLDER = Path("data") / "simulated"
PRESENTATION_MS = (51, 100, 200, 300, 400, 500, 700, 900, 1200, 1500, 1800)
"""At which accuracy is told; the figure has every millisecond."""


@dataclass(frozen=True, slots=True)
class GesturesSettings:
    """How it learns where it is given no checkpoint: as the shipped one, on all training users."""

    preset: str = "best"
    samples: int = 14_400
    tests: int = 8
    """Times that the error is looked at while learning."""
    test_every: int = 4
    """While learning, one in so many of the test gestures of each class is looked at."""


def run(settings: ExperimentSettings, say: Say) -> dict[str, Any]:
    """Learn, or take a checkpoint; then everything that the votes on the test users tell."""
    need_matplotlib()
    prepare_torch(settings.threads)
    folder = settings.data or USUAL_FOLDER
    if not folder.exists():
        raise InputError(
            what="gesture set",
            got=f"nothing at {folder}",
            allowed="a folder in the DvsGesture layout",
            todo="name one with --data, or make one: "
            "wigwag simulate data/simulated --layout dvsgesture --users 1-29",
        )
    return learn_gestures(folder, GesturesSettings(), settings, say)


def learn_gestures(
    folder: Path, regime: GesturesSettings, settings: ExperimentSettings, say: Say
) -> dict[str, Any]:
    """The experiment on one folder."""
    simulated = (folder / NOTICE_FILE).exists()
    about = "simulated gestures" if simulated else "recorded gestures"
    report = Report("gestures", settings, data=about, simulated=simulated)
    gesture_set = read_gesture_set(folder)
    curve: list[dict[str, Any]] = []
    if settings.checkpoint is None:
        network, tests = _learn(gesture_set, regime, settings, report, say, curve)
        version = save_checkpoint(
            settings.out / "gestures.safetensors",
            network,
            GESTURE_NAMES,
            parent=None,
            record={"experiment": "gestures", "simulated": simulated, "seed": settings.seed},
        )
    else:
        loaded = load_checkpoint(settings.checkpoint)
        network, version = loaded.network, loaded.version
        tests = _trials(gesture_set, "test", network)
    truth = np.array([trial.gesture_class - 1 for trial in tests])
    classes, read_as = network.settings.classes, network.settings.reading_text
    decided = decisions_of_trials(network, tests, steps=TRIAL_FRAMES, burn_in_ms=BURN_IN_FRAMES)
    right = decided == truth[:, None]
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (truth, decided[-1, :, -1]), 1)
    first_ms = first_right_ms(decided[-1], truth, burn_in_ms=BURN_IN_FRAMES)
    accuracy = right.mean(1)
    results = {
        "regime": asdict(regime) if settings.checkpoint is None else None,
        "version": version,
        "test_gestures": len(tests),
        "error_while_learning": curve,
        "reading": read_as,
        "accuracy": accuracy[-1, -1],
        "accuracy_by_layer": accuracy[:-1, -1],
        "accuracy_by_presentation_ms": {
            str(ms): accuracy[:, ms - BURN_IN_FRAMES - 1] for ms in PRESENTATION_MS
        },
        "first_right_ms": {
            "never": int(np.isnan(first_ms).sum()),
            **_percentiles(first_ms),
        },
        "confusion": confusion,
    }
    say(
        f"{len(tests)} test gestures, {about}; right by {read_as}: {accuracy[-1, -1]:.1%}; "
        "by votes of each layer: " + _shares(accuracy[:-1, -1])
    )
    say("first right decision in ms: " + json.dumps(results["first_right_ms"]))
    draw(curve, accuracy, first_ms, confusion, about, read_as, settings)
    draw_raster(network, tests[0], about, settings)
    report.write(results)
    return results


def _trials(gesture_set: GestureSet, part: Any, network: Network) -> list[TrialFrames]:
    shape = network.settings
    trials = load_trials(
        gesture_set.of(part),
        rows=shape.height,
        columns=shape.width,
        counts=shape.counts_events,
    )
    if not trials:
        raise InputError(
            what="gesture set",
            got=f"no gestures to {part}",
            allowed="one or more",
            todo="fill in its list and label files",
        )
    return trials


def _learn(
    gesture_set: GestureSet,
    regime: GesturesSettings,
    settings: ExperimentSettings,
    report: Report,
    say: Say,
    curve: list[dict[str, Any]],
) -> tuple[Network, list[TrialFrames]]:
    """Adds to `curve` samples seen and error by layer; gives the network and the test gestures.

    The last of the errors is that of the network as it is to be read.
    """
    chosen = training_settings({"preset": regime.preset, "seed": settings.seed})
    network = Network(chosen.network)
    trials = _trials(gesture_set, "train", network)
    batch = chosen.crops.batch
    minibatches = max((settings.samples or regime.samples) // batch, 1)
    chosen = replace(chosen, minibatches=minibatches)
    sampler = CropSampler(trials, chosen.crops, settings.seed)
    tests = _trials(gesture_set, "test", network)
    some = one_in(regime.test_every, tests)
    trainer = Trainer(network, chosen.learning, batch=batch, learn_every_ms=chosen.learn_every_ms)
    due = {round(minibatches * (number / regime.tests) ** 2) for number in range(regime.tests + 1)}
    for number in range(minibatches + 1):
        late = settings.minutes is not None and report.elapsed_s > 60 * settings.minutes
        if number in due or late:
            error = _error(network, some)
            curve.append({"samples": number * batch, "error_by_layer": error})
            say(
                f"{number * batch} samples, {report.elapsed_s / 60:.1f} minutes: error by layer, "
                f"then by {network.settings.reading_text}, {_shares(error)} "
                f"of {len(some)} test gestures"
            )
        if late or number == minibatches:
            break
        frames, labels = cut_crops(trials, sampler.plan(), chosen.crops.steps)
        trainer.run(frames, labels, rate_factor=chosen.rate_factor(number))
    return network, tests


def _error(network: Network, trials: Sequence[TrialFrames]) -> npt.NDArray[np.float64]:
    truth: Classes = np.array([trial.gesture_class - 1 for trial in trials])
    decided = decisions_of_trials(network, trials, steps=TRIAL_FRAMES, burn_in_ms=BURN_IN_FRAMES)
    error: npt.NDArray[np.float64] = (decided[:, :, -1] != truth).mean(1)
    return error


def _percentiles(first_ms: npt.NDArray[np.float64]) -> dict[str, float]:
    """Of those that are right at some time; none where none is."""
    known = first_ms[~np.isnan(first_ms)]
    shares = (25, 50, 75, 90) if len(known) else ()
    return {f"percentile_{share}": float(np.percentile(known, share)) for share in shares}


def _shares(shares: npt.NDArray[np.float64]) -> str:
    return " / ".join(f"{share:.1%}" for share in shares)


def draw(
    curve: list[dict[str, Any]],
    accuracy: npt.NDArray[np.float64],
    first_ms: npt.NDArray[np.float64],
    confusion: npt.NDArray[np.int64],
    about: str,
    read_as: str,
    settings: ExperimentSettings,
) -> None:
    """Fig. 5, accuracy against presentation time, first right decisions, confusion matrix."""
    figure, ((learning, time), (first, matrix)) = new_figure(2, 2, width=9.0, height=7.0)
    names = [f"votes of layer {layer + 1}" for layer in range(len(accuracy) - 1)]
    figure.suptitle(f"{about}; the network is read by {read_as}", fontsize=9)
    for layer, name in enumerate([*names, "as it is read"]):
        if curve:
            learning.plot(
                [point["samples"] for point in curve],
                [100 * point["error_by_layer"][layer] for point in curve],
                ".-",
                label=name,
            )
        ms = np.arange(accuracy.shape[1]) + BURN_IN_FRAMES + 1
        time.plot(ms, 100 * accuracy[layer], label=name)
    learning.set(xlabel="samples seen", ylabel="error (%)", ylim=(0, 100))
    if not curve:
        learning.text(0.2, 50, "nothing was learnt in this run")
    time.set(xlabel="presentation time (ms)", ylabel="right (%)", ylim=(0, 100))
    time.legend(fontsize=8)
    known = first_ms[~np.isnan(first_ms)]
    first.step(np.sort(known), 100 * np.arange(1, len(known) + 1) / len(first_ms), where="post")
    first.set(xlabel="first right decision by (ms)", ylabel="gestures (%)", ylim=(0, 100))
    draw_confusion(matrix, confusion, [str(number + 1) for number in range(len(confusion))])
    matrix.set(xlabel="recognised", ylabel="performed")
    save_figure(figure, settings.out / "gestures.png")


@torch.no_grad()
def draw_raster(
    network: Network, trial: TrialFrames, about: str, settings: ExperimentSettings
) -> None:
    """Fig. 4: spikes of five neurons of layer 1, from seldom to often firing, in one gesture."""
    states = network.initial_state(1)
    steps = min(trial.frames, TRIAL_FRAMES)
    rows = []
    for frame in trial.unpack(0, steps):
        x = torch.from_numpy(frame.astype(np.float32)).unsqueeze(0)
        rows.append(network.step(states, x, learning=False)[0].spikes.flatten().numpy() > 0)
    spikes = np.array(rows)
    counts = spikes.sum(0)
    firing = np.argsort(counts, kind="stable")[int((counts == 0).sum()) :]
    figure, axes = new_figure(width=8.0, height=2.2)
    if len(firing):
        five = firing[np.linspace(len(firing) // 2, len(firing) - 1, 5).astype(int)]
        t_ms, neuron = np.nonzero(spikes[:, five])
        axes.plot(t_ms, neuron, "k|", ms=9)
    axes.set(xlabel="time (ms)", ylabel="neuron", xlim=(0, steps), ylim=(-0.6, 4.6))
    axes.set_title(f"layer 1, {GESTURE_NAMES[trial.gesture_class - 1]}, {about}", fontsize=9)
    save_figure(figure, settings.out / "gestures_raster.png")
