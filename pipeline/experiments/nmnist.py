"""N-MNIST: 1,000 real samples, cross-validated, beside logistic regression and decolle."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.events_sums import Summing, Sums
from models.learning_settings import LearningSettings
from models.network import Network
from models.settings import NetworkSettings
from models.torch_engine import prepare_torch
from pipeline.benchmarks.worker_process import Workers
from pipeline.event_samples import EventSamples, read_event_samples
from pipeline.experiments.best_settings import TRAINED, with_bank
from pipeline.experiments.count_regression import count_regression
from pipeline.experiments.figures import draw_confusion, need_matplotlib, new_figure, save_figure
from pipeline.experiments.linear_readout import LINEAR_ALL, LINEAR_LAYERS, fit_linear
from pipeline.experiments.online_learner import OnlineLearner
from pipeline.experiments.report import Report
from pipeline.experiments.schedule import cosine
from pipeline.experiments.sequence_scores import SequenceScores, score_sequences
from pipeline.experiments.settings import ExperimentSettings, Say
from pipeline.experiments.small_network import SMALL_LAYERS
from pipeline.experiments.trained_reading import TrainedReading, load_trained_reading
from pipeline.experiments.untrained import Untrained, part
from pipeline.real_data import find

CLASSES = 10
REGRESSION = "logistic regression on counts"
PEER = "decolle, votes of its top layer"


@dataclass(frozen=True, slots=True)
class NmnistSettings:
    """How it learns; chosen by holding out samples 800 to 999."""

    network: NetworkSettings
    learning: LearningSettings
    epochs: int = 3
    batch: int = 16
    steps: int = 300
    """Of a sample that is tested, ms."""
    crop_steps: int = 300
    """Of a sample that is learnt from: so many ms of it, from a random one on."""
    burn_in_ms: int = 40
    learn_every_ms: int = 2
    """Whole samples at every second ms teach more than half samples at each."""
    from_silence: bool = True
    """A sample that is tested has none before it: with traces of another one beneath, readouts
    learn to read what they will not see."""
    shift_pixels: int = 1
    """Samples learnt from are moved by up to so many pixels each way."""
    linear_moves: int = 3
    """The linear layers see each sample so many times, moved likewise."""
    ridge: float = 1.0
    folds: int = 5


USUAL = NmnistSettings(
    network=replace(
        with_bank(NetworkSettings(layers=SMALL_LAYERS, classes=CLASSES, height=34, width=34)),
        gain=15.0,
        reading="softmax",
        reading_layers=(0, 1, 2),
        over_time="product",
    ),
    # Without a regulariser: it makes the upper layers, which see few spikes, fire even less. Steps
    # of readouts are larger, and Adamax remembers five times as many gradients by which to scale
    # them: readouts of the upper layers follow what is learnt below, and not each minibatch.
    learning=replace(TRAINED, regularisation=0.0, readout_rate=1e-2, beta2=0.99),
)


def run(settings: ExperimentSettings, say: Say) -> dict[str, Any]:
    """Cross-validate, then learn from all samples and save that; or test what was saved."""
    prepare_torch(settings.threads)
    if settings.checkpoint is not None:
        path = settings.test or find(settings.data, "nmnist/train1000.npz")
        return test_saved(
            settings.checkpoint, read_event_samples(path, classes=CLASSES), settings, say
        )
    need_matplotlib()
    path = find(settings.data, "nmnist/train1000.npz")
    return cross_validate(path, USUAL, settings, say)


def cross_validate(
    path: Path, regime: NmnistSettings, settings: ExperimentSettings, say: Say
) -> dict[str, Any]:
    """Every sample is tested once, by what has learnt from the other folds."""
    samples = read_event_samples(path, classes=CLASSES)
    report = Report(
        "nmnist", settings, data=f"N-MNIST, {len(samples)} real samples", simulated=False
    )
    regime = replace(regime, network=replace(regime.network, seed=settings.seed))
    order = np.random.default_rng(settings.seed).permutation(len(samples))
    # First what is kept, so that a run that is cut short has it.
    version = learn_samples(samples, order, regime, settings.seed).save(
        settings.out / "nmnist.safetensors",
        {
            "experiment": "nmnist",
            "simulated": False,
            "samples": len(samples),
            "seed": settings.seed,
        },
    )
    say(f"learnt from all samples and saved, {report.elapsed_s / 60:.1f} minutes")
    control = _Control(samples, regime, settings.seed)
    folds = np.array_split(order, regime.folds)
    found: list[dict[str, float]] = []
    confusion = np.zeros((CLASSES, CLASSES), int)
    with ExitStack() as stack:
        workers = Workers(stack, peers=settings.peers, threads=settings.threads)
        workers.add_peer(
            "decolle",
            "its own network",
            "decolle_samples.py",
            {
                "samples": str(path),
                "folds": [fold.tolist() for fold in folds],
                "regime": asdict(regime),
                "seed": settings.seed,
            },
        )
        workers.wait_until_ready()
        for number, fold in enumerate(folds):
            if found and settings.minutes and report.elapsed_s > 60 * settings.minutes:
                say(f"time is up: {number} of {regime.folds} folds tested")
                break
            others = np.concatenate([other for other in folds if other is not fold])
            learnt = learn_samples(samples, others, regime, settings.seed)
            scores = read_samples(learnt, samples, fold, regime)
            scores = replace(scores, by_reading=scores.by_reading | control.scores(others, fold))
            shares = scores.accuracy(samples.classes[fold])
            np.add.at(confusion, (samples.classes[fold], scores.classes(LINEAR_ALL)), 1)
            counts = samples.counts(side=regime.network.height)
            shares[REGRESSION] = count_regression(
                counts[others], samples.classes[others], counts[fold], samples.classes[fold]
            )
            for peer in workers.started:
                peer.run_block(number)
                shares[PEER] = float(peer.answers[-1]["accuracy"])
            found.append(shares)
            minutes = report.elapsed_s / 60
            say(f"fold {number + 1} of {regime.folds}, {minutes:.1f} minutes: {_text(shares)}")
        notes, versions = list(workers.notes), workers.versions
    accuracy = {
        name: {
            "mean": float(np.mean([shares[name] for shares in found])),
            "sd_of_folds": float(
                np.std([shares[name] for shares in found], ddof=min(len(found) - 1, 1))
            ),
            "folds": [shares[name] for shares in found],
        }
        for name in found[0]
    }
    results = {
        "regime": asdict(regime),
        "accuracy": accuracy,
        "confusion": confusion,
        "notes": notes,
        "peer_versions": versions,
        "folds_tested": len(found),
        "version": version,
    }
    draw(accuracy, confusion, settings)
    report.write(results)
    means = {name: float(np.mean([shares[name] for shares in found])) for name in found[0]}
    say("all folds: " + _text(means))
    for note in notes:
        say(note)
    return results


def learn_samples(
    samples: EventSamples, chosen: npt.NDArray[np.int64], regime: NmnistSettings, seed: int
) -> TrainedReading:
    """The network from moved crops of the chosen samples, then linear layers on its activity."""
    rng = np.random.default_rng(seed + 1)
    learner = OnlineLearner(
        Network(regime.network),
        regime.learning,
        batch=regime.batch,
        burn_in_ms=regime.burn_in_ms,
        learn_every_ms=regime.learn_every_ms,
        from_silence=regime.from_silence,
    )
    in_all = regime.epochs * (len(chosen) // regime.batch)
    for number, minibatch in enumerate(_minibatches(chosen, regime, rng)):
        crops = [_crop(samples, int(sample), regime, rng) for sample in minibatch]
        learner.learn(crops, samples.classes[minibatch], rate_factor=cosine(number / in_all))
    moved = learner.run(_moved_sequences(samples, chosen, regime, seed))
    classes = np.tile(samples.classes[chosen], regime.linear_moves)
    linear = fit_linear(moved, classes, LINEAR_LAYERS, ridge=regime.ridge)
    return TrainedReading(learner.network, tuple(map(str, range(CLASSES))), linear)


class _Control:
    """A network that has learnt nothing, read by linear layers in the same way."""

    def __init__(self, samples: EventSamples, regime: NmnistSettings, seed: int) -> None:
        self._untrained = Untrained(regime.network, regime.burn_in_ms, regime.ridge)
        everything = np.arange(len(samples))
        self._classes = samples.classes
        self._moves = np.arange(regime.linear_moves)[:, None] * len(samples)
        self._moved: Sums = self._untrained.sums(
            _moved_sequences(samples, everything, regime, seed)
        )
        self._plain: Sums = self._untrained.sums(_sequences(samples, everything, regime))

    def scores(
        self, others: npt.NDArray[np.int64], fold: npt.NDArray[np.int64]
    ) -> dict[str, npt.NDArray[np.float64]]:
        """Scores of a fold by layers trained on the others."""
        first = part(self._moved, (self._moves + others).ravel())
        classes = np.tile(self._classes[others], len(self._moves))
        return self._untrained.scores(first, classes, part(self._plain, fold))


def read_samples(
    reading: TrainedReading,
    samples: EventSamples,
    chosen: npt.NDArray[np.int64],
    regime: NmnistSettings,
) -> SequenceScores:
    """Scores of the chosen samples, whole and unmoved."""
    sequences = _sequences(samples, chosen, regime)
    sums = Summing(reading.network).run(sequences, burn_in_ms=regime.burn_in_ms)
    return score_sequences(sums, reading.linear)


def _minibatches(
    chosen: npt.NDArray[np.int64], regime: NmnistSettings, rng: np.random.Generator
) -> Iterator[npt.NDArray[np.int64]]:
    for _ in range(regime.epochs):
        order = rng.permutation(chosen)
        for begin in range(0, len(order) - regime.batch + 1, regime.batch):
            yield order[begin : begin + regime.batch]


def _crop(
    samples: EventSamples, sample: int, regime: NmnistSettings, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    right, down = _moves(rng, regime.shift_pixels)
    side = regime.network.height
    frames = samples.frames(sample, side=side, steps=regime.steps, right=right, down=down)
    begin = int(rng.integers(regime.steps - regime.crop_steps + 1))
    return frames[begin : begin + regime.crop_steps]


def _sequences(
    samples: EventSamples, chosen: npt.NDArray[np.int64], regime: NmnistSettings
) -> Iterator[npt.NDArray[np.uint8]]:
    """Whole samples."""
    for sample in chosen:
        yield samples.frames(int(sample), side=regime.network.height, steps=regime.steps)


def _moved_sequences(
    samples: EventSamples, chosen: npt.NDArray[np.int64], regime: NmnistSettings, seed: int
) -> Iterator[npt.NDArray[np.uint8]]:
    """All chosen samples, then all again, each moved a little, by the seed always the same way."""
    side, steps = regime.network.height, regime.steps
    for number in range(regime.linear_moves):
        for sample in chosen:
            rng = np.random.default_rng([seed, number, int(sample)])
            right, down = _moves(rng, regime.shift_pixels)
            yield samples.frames(int(sample), side=side, steps=steps, right=right, down=down)


def _moves(rng: np.random.Generator, most: int) -> tuple[int, int]:
    right, down = rng.integers(-most, most + 1, 2)
    return int(right), int(down)


def test_saved(
    checkpoint: Path, samples: EventSamples, settings: ExperimentSettings, say: Say
) -> dict[str, Any]:
    """Accuracy of a saved network on samples of the same form."""
    report = Report("nmnist_test", settings, data=f"{len(samples)} event samples", simulated=False)
    saved = load_trained_reading(checkpoint)
    regime = replace(USUAL, network=saved.network.settings)
    scores = read_samples(saved, samples, np.arange(len(samples)), regime)
    shares = scores.accuracy(samples.classes)
    say(f"{len(samples)} samples: " + _text(shares))
    results = {"samples": len(samples), "accuracy": shares}
    report.write(results)
    return results


def _text(shares: dict[str, float]) -> str:
    return ", ".join(f"{name} {share:.1%}" for name, share in shares.items())


def draw(
    accuracy: dict[str, Any], confusion: npt.NDArray[np.int64], settings: ExperimentSettings
) -> None:
    """Accuracy of every way of reading, with the spread of folds; confusion matrix."""
    figure, (bars, matrix) = new_figure(1, 2, width=9.0, height=3.6)
    names = list(accuracy)[::-1]
    means = [100 * accuracy[name]["mean"] for name in names]
    bars.barh(names, means, xerr=[100 * accuracy[name]["sd_of_folds"] for name in names])
    for row, mean in enumerate(means):
        bars.text(1, row, f"{mean:.1f}", va="center", color="white")
    bars.set(xlabel="accuracy (%), mean and sd of folds", xlim=(0, 100), title="real N-MNIST")
    draw_confusion(matrix, confusion, [str(digit) for digit in range(CLASSES)])
    matrix.set(xlabel=f"named by the {LINEAR_ALL}", ylabel="digit")
    save_figure(figure, settings.out / "nmnist.png")
