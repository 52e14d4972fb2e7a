"""Poisson MNIST (P 4.2, Fig. 2): digits as Poisson spike trains, each seen once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from drivers.errors import InputError
from models.learning_settings import LearningSettings
from models.network import Network
from models.settings import NetworkSettings
from models.torch_engine import prepare_torch
from pipeline.experiments.best_settings import TRAINED
from pipeline.experiments.conventional import ConventionalNetwork
from pipeline.experiments.figures import need_matplotlib, new_figure, save_figure
from pipeline.experiments.linear_readout import (
    LINEAR_LAYERS,
    LINEAR_TOP,
    Classes,
    fit_linear,
)
from pipeline.experiments.online_learner import OnlineLearner
from pipeline.experiments.report import Report
from pipeline.experiments.sequence_scores import SequenceScores, score_sequences, votes_of
from pipeline.experiments.settings import ExperimentSettings, Say
from pipeline.experiments.small_network import SMALL_LAYERS
from pipeline.experiments.untrained import Untrained, untrained
from pipeline.idx_files import Digits, read_digits
from pipeline.poisson import poisson_frames
from pipeline.real_data import find

AUTHORS = ((256, 0.22), (1536, 0.11), (3500, 0.07))
"""Samples seen and test error of layer 3 in the authors' published run (minibatches of 128; the
last is said as 25 to 30 of them)."""
MILESTONES = (256, 1000, 1536, 3000)
"""Samples after which the test set is tried, besides at the end; the authors' among them."""
CONVENTIONAL = "conventional network"


@dataclass(frozen=True, slots=True)
class MnistSettings:
    """The regime; paper's values where it gives them, others chosen on training samples."""

    network: NetworkSettings
    learning: LearningSettings
    batch: int = 20
    steps: int = 500
    burn_in_ms: int = 50
    highest_rate_hz: float = 50.0
    learn_every_ms: int = 10
    rate_halves_after: float = 6000.0
    """Samples after which the Adamax step is half of what it was at first; it falls with the
    square root of the samples seen."""
    samples: int = 60_000
    minutes: float = 60.0
    """Learning stops after this time, or after so many samples: what comes first."""
    tried_first: int = 3
    """Of so many minibatches one is classified before it is learnt: for the curves."""
    test_samples: int = 1024
    linear_samples: int = 3000
    """Before a test, linear layers are trained anew on the activity of the last so many samples."""
    ridge: float = 10.0
    conventional_rate: float = 2e-3


USUAL = MnistSettings(
    network=NetworkSettings(
        layers=SMALL_LAYERS,
        classes=10,
        input_channels=1,
        height=28,
        width=28,
        tau_pairs=2,
        gain=10.0,
    ),
    learning=TRAINED,
)


def run(settings: ExperimentSettings, say: Say) -> dict[str, Any]:
    """Learn from the training digits, test on the test digits; figures and numbers to `out`."""
    need_matplotlib()
    prepare_torch(settings.threads)
    folder = find(settings.data, "mnist")
    train, test = read_digits(folder, "train"), read_digits(folder, "t10k")
    return learn_digits(train, test, USUAL, settings, say)


def learn_digits(
    train: Digits, test: Digits, regime: MnistSettings, settings: ExperimentSettings, say: Say
) -> dict[str, Any]:
    """The experiment on any digits of the size that `regime.network` takes.

    Raises `InputError` for less than a minibatch of them.
    """
    wanted = min(settings.samples or regime.samples, len(train.classes))
    wanted = wanted // regime.batch * regime.batch
    if not wanted:
        raise InputError(
            what="samples to learn from",
            got=f"{settings.samples or regime.samples} of {len(train.classes)} digits",
            allowed=f"{regime.batch} or more, a minibatch",
            todo="ask for more with --samples",
        )
    regime = replace(
        regime,
        network=replace(regime.network, seed=settings.seed),
        learning=replace(regime.learning, seed=settings.seed),
    )
    report = Report("mnist", settings, data="MNIST, real digits", simulated=False)
    seeds = np.random.SeedSequence(settings.seed).spawn(3)
    order = np.random.default_rng(seeds[0]).permutation(len(train.classes))
    trains_rng = np.random.default_rng(seeds[1])
    tests = _Test(test, regime, np.random.default_rng(seeds[2]))
    learner = OnlineLearner(
        Network(regime.network),
        regime.learning,
        batch=regime.batch,
        burn_in_ms=regime.burn_in_ms,
        learn_every_ms=regime.learn_every_ms,
    )
    conventional = ConventionalNetwork(
        regime.network, rate=regime.conventional_rate, seed=settings.seed
    )
    updates = math.ceil((regime.steps - regime.burn_in_ms) / regime.learn_every_ms)
    right: list[npt.NDArray[np.bool_]] = []
    at: list[int] = []
    tested: list[dict[str, Any]] = []
    seen = 0
    while seen < wanted:
        chosen = order[seen : seen + regime.batch]
        images, classes = train.images[chosen], train.classes[chosen]
        frames = poisson_frames(images, regime.steps, regime.highest_rate_hz, trains_rng)
        factor = 1.0 / math.sqrt(1.0 + 3.0 * seen / regime.rate_halves_after)
        if seen // regime.batch % regime.tried_first == 0:
            sums = learner.run(frames.swapaxes(0, 1))
            own = conventional.classes(images) == classes
            right.append(np.vstack([sums.votes.argmax(2) == classes, own]))
            at += range(seen, seen + regime.batch)
        learner.learn(list(frames.swapaxes(0, 1)), classes, rate_factor=factor)
        conventional.learn(images, classes, updates=updates)
        seen += regime.batch
        if report.elapsed_s > 60.0 * (settings.minutes or regime.minutes):
            wanted = seen
        if seen >= wanted or any(seen - regime.batch < each <= seen for each in MILESTONES):
            last = order[max(seen - regime.linear_samples, 0) : seen]
            errors = tests.errors(
                learner, conventional, Digits(train.images[last], train.classes[last])
            )
            tested.append({"samples": seen, "elapsed_s": report.elapsed_s, "error": errors})
            say(f"{seen} samples, {report.elapsed_s / 60:.1f} minutes: test error " + _text(errors))
        elif seen % 1000 == 0:
            recent = np.concatenate(right, axis=1)[:, -300:].mean(1)
            say(
                f"{seen} samples, {report.elapsed_s / 60:.1f} minutes; error before learning, "
                "layers then conventional: " + " / ".join(f"{1 - share:.1%}" for share in recent)
            )
    curves = np.concatenate([~each for each in right], axis=1).astype(np.float64)
    results = {
        "regime": asdict(regime),
        "test": tested,
        "test_samples": len(tests.classes),
        "authors_layer_3": AUTHORS,
        "error_before_learning": _by_hundred(np.array(at), curves),
        "updates_per_minibatch": updates,
    }
    draw(np.array(at), curves, tested, settings)
    report.write(results)
    return results


class _Test:
    """The first test digits, always as the same spike trains."""

    def __init__(self, digits: Digits, regime: MnistSettings, rng: np.random.Generator) -> None:
        self._images = digits.images[: regime.test_samples]
        self.classes: Classes = digits.classes[: regime.test_samples]
        self._seed = int(rng.integers(2**32))
        self._regime = regime
        self._untrained = Untrained(regime.network, regime.burn_in_ms, regime.ridge)
        self._untrained_sums = self._untrained.sums(self._trains(self._images))

    def errors(
        self, learner: OnlineLearner, conventional: ConventionalNetwork, last: Digits
    ) -> dict[str, float]:
        """By way of reading; `last` is what the linear layers learn from."""
        linear = fit_linear(
            learner.run(self._trains(last.images)),
            last.classes,
            LINEAR_LAYERS,
            ridge=self._regime.ridge,
        )
        sums = learner.run(self._trains(self._images))
        shares = score_sequences(sums, linear).accuracy(self.classes)
        control = SequenceScores(
            self._untrained.scores(
                self._untrained.sums(self._trains(last.images)), last.classes, self._untrained_sums
            )
        )
        shares |= control.accuracy(self.classes)
        shares[CONVENTIONAL] = float((conventional.classes(self._images) == self.classes).mean())
        return {name: 1.0 - share for name, share in shares.items()}

    def _trains(self, images: npt.NDArray[np.uint8]) -> Iterator[npt.NDArray[np.uint8]]:
        rng, regime = np.random.default_rng(self._seed), self._regime
        for image in images:
            yield poisson_frames(image[None], regime.steps, regime.highest_rate_hz, rng)[:, 0]


def _by_hundred(
    at: npt.NDArray[np.int64], curves: npt.NDArray[np.float64]
) -> dict[str, list[float]]:
    """Each row's error over every hundred samples that were tried, and the last of these."""
    whole = len(at) // 100 * 100
    parts = curves[:, :whole].reshape(len(curves), -1, 100).mean(2).round(3)
    names = [*(votes_of(number) for number in range(1, len(curves))), CONVENTIONAL]
    found = {name: row.tolist() for name, row in zip(names, parts, strict=True)}
    return {"samples": (at[99:whole:100] + 1).tolist(), **found}


def _text(errors: dict[str, float]) -> str:
    return ", ".join(f"{name} {error:.1%}" for name, error in errors.items())


def draw(
    at: npt.NDArray[np.int64],
    curves: npt.NDArray[np.float64],
    tested: list[dict[str, Any]],
    settings: ExperimentSettings,
) -> None:
    """Fig. 2: error against samples seen, the whole run and its first 3,000 samples."""
    figure, panels = new_figure(1, 2, width=9.0, height=4.2)
    layers = len(curves) - 1
    names = [*(f"layer {number}, votes" for number in range(1, layers + 1)), CONVENTIONAL]
    for axes, last in zip(panels, (at[-1], MILESTONES[-1]), strict=True):
        shown = at <= last
        width = max(min(200, shown.sum() // 8), 1)
        for row, name in zip(curves, names, strict=True):
            sums = np.cumsum(np.insert(row[shown], 0, 0.0))
            mean = 100 * (sums[width:] - sums[:-width]) / width
            x = at[shown][width - 1 :]
            every = max(len(x) // 300, 1)
            axes.plot(x[::every], mean[::every], label=name, lw=1.2)
        for reading, mark in (
            (votes_of(layers), "o"),
            (LINEAR_TOP, "s"),
            (untrained(LINEAR_TOP), "D"),
            (CONVENTIONAL, "^"),
        ):
            points = [(test["samples"], 100 * test["error"][reading]) for test in tested]
            axes.plot(*zip(*points, strict=True), mark, mfc="none", label=f"test: {reading}")
        points = [(samples, 100 * error) for samples, error in AUTHORS]
        axes.plot(*zip(*points, strict=True), "kx", label="test: authors' run, layer 3")
        axes.set(xlabel="samples seen", ylabel="error (%)", yscale="log", ylim=(0.8, 100))
        axes.set_xlim(0, last * 1.03)
        axes.set_yticks([1, 2, 5, 10, 20, 50, 100], [1, 2, 5, 10, 20, 50, 100])
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=7
    )
    panels[0].set_title("real MNIST; lines: mean over samples before they are learnt", fontsize=8)
    panels[1].set_title("the first 3,000 samples", fontsize=8)
    save_figure(figure, settings.out / "mnist.png")
