"""Ablation: what spikes, time constants, refractoriness, binary input and updates are good for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from models.settings import Activation, NetworkSettings
from models.torch_engine import prepare_torch
from pipeline.event_samples import EventSamples, read_event_samples
from pipeline.experiments.best_settings import TRAINED, with_bank
from pipeline.experiments.figures import need_matplotlib, new_figure, save_figure
from pipeline.experiments.report import Report
from pipeline.experiments.settings import ExperimentSettings, Say
from pipeline.experiments.tasks import digits_task
from pipeline.experiments.variants import Variant, spread_text, try_seeds
from pipeline.real_data import find

SAMPLES = 1200
SEEDS = 3


def run(settings: ExperimentSettings, say: Say) -> dict[str, Any]:
    """All variants on N-MNIST, one difference each from the first."""
    need_matplotlib()
    prepare_torch(settings.threads)
    samples = read_event_samples(find(settings.data, "nmnist/train1000.npz"), classes=10)
    return compare(samples, 17, settings, say)


def compare(
    samples: EventSamples,
    side: int,
    settings: ExperimentSettings,
    say: Say,
    *,
    seeds: int = SEEDS,
) -> dict[str, Any]:
    """The experiment on event samples of so many cells of 2 x 2 pixels a side."""
    report = Report("ablation", settings, data="N-MNIST, real samples", simulated=False)
    numbers = range(settings.seed, settings.seed + seeds)
    binary, counted = (
        [digits_task(samples, side=side, counts=counts, seed=seed) for seed in numbers]
        for counts in (False, True)
    )
    found = []
    for variant in variants(with_bank(binary[0].network)):
        if settings.minutes is not None and report.elapsed_s > 60 * settings.minutes:
            say(f"time is up before: {variant.name}")
            break
        result = try_seeds(
            variant,
            counted if variant.network.counts_events else binary,
            samples=settings.samples or SAMPLES,
            first_seed=settings.seed,
        )
        found.append(result)
        say(f"{variant.name}: right by layer {spread_text(result)}, {result['seconds']:.0f} s")
    results = {"variants": found}
    draw(found, settings)
    report.write(results)
    return results


def variants(network: NetworkSettings) -> list[Variant]:
    """The rule as `best` has it, and with one thing changed at a time.

    Of updates there are two kinds. With one gradient, that of an update's own millisecond, those
    between are not taken; with all, a gradient is taken at every millisecond, and they add up.
    """

    def acting(activation: Activation) -> NetworkSettings:
        layers = tuple(replace(layer, activation=activation) for layer in network.layers)
        return replace(network, layers=layers)

    def middle(bounds: tuple[float, float]) -> tuple[float, float]:
        return (sum(bounds) / 2, sum(bounds) / 2)

    constant = replace(
        network, tau_m_ms=middle(network.tau_m_ms), tau_s_ms=middle(network.tau_s_ms)
    )
    usual = Variant("spiking, random time constants, every 5 ms", network, TRAINED)
    return [
        usual,
        Variant("sigmoid instead of spikes", acting("sigmoid"), TRAINED),
        Variant("ReLU instead of spikes", acting("relu"), TRAINED),
        Variant("constant time constants", constant, TRAINED),
        Variant("no refractoriness", replace(network, refractory_weight=0.0), TRAINED),
        Variant("event counts, not binary", replace(network, input_frames="counts"), TRAINED),
        Variant("an update every 1 ms", network, TRAINED, learn_every_ms=1),
        *(
            Variant(
                f"an update every {ms} ms, of one gradient", network, TRAINED, learn_every_ms=ms
            )
            for ms in (10, 20)
        ),
        *(
            Variant(
                f"an update every {ms} ms, of all {ms} gradients",
                network,
                replace(TRAINED, update_every_steps=ms),
                learn_every_ms=1,
            )
            for ms in (5, 10, 20)
        ),
    ]


def draw(found: Sequence[dict[str, Any]], settings: ExperimentSettings) -> None:
    """Accuracy by layer of every variant."""
    figure, axes = new_figure(width=7.0, height=4.8)
    names = [each["variant"] for each in found][::-1]
    layers = len(found[0]["accuracy_by_layer"])
    height = 0.8 / layers
    for layer in range(layers):
        shares = [100 * each["accuracy_by_layer"][layer] for each in found][::-1]
        at = np.arange(len(names)) + 0.4 - height * (layer + 0.5)
        spread = [100 * each["sd_of_seeds"][layer] for each in found][::-1]
        axes.barh(at, shares, height, xerr=spread, label=f"layer {layer + 1}")
    axes.set_yticks(np.arange(len(names)), names)
    axes.set(xlabel="right by votes (%)", xlim=(0, 100), title="real N-MNIST; mean, sd of seeds")
    figure.legend(fontsize=8, loc="outside lower center", ncols=layers)  # inside are bars
    save_figure(figure, settings.out / "ablation.png")
