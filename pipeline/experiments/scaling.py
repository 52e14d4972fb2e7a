"""Cost and memory of a learning step against the number of neurons: the paper claims O(N)."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from models.learner import Learner
from models.learning_settings import LearningSettings
from models.network import Network
from models.settings import LayerSettings, NetworkSettings
from models.torch_engine import prepare_torch
from pipeline.experiments.figures import need_matplotlib, new_figure, save_figure
from pipeline.experiments.report import Report
from pipeline.experiments.settings import ExperimentSettings, Say


@dataclass(frozen=True, slots=True)
class ScalingSettings:
    """Three equal layers whose maps grow: every neuron has as many inputs at any size."""

    channels: int = 16
    kernel: int = 7
    sides: tuple[int, ...] = (15, 22, 32, 46, 56, 66, 79)
    """Of the square maps; 10,800 to 299,568 neurons."""
    steps: int = 15
    """Timed, each by itself; their median counts."""
    warm_up_steps: int = 3
    input_chance: float = 0.02


def run(settings: ExperimentSettings, say: Say) -> dict[str, Any]:
    """Measure, fit, draw."""
    need_matplotlib()
    prepare_torch(settings.threads)
    return measure_scaling(ScalingSettings(), settings, say)


def measure_scaling(
    regime: ScalingSettings, settings: ExperimentSettings, say: Say
) -> dict[str, Any]:
    """Dense steps of one stream on the reference network, learning at each of them.

    Memory is what is held from step to step, and what a step gives: traces and refractoriness,
    potentials, spikes and activity, weights and readouts, gradients, the optimiser's state.
    """
    report = Report("scaling", settings, data="random spikes, drawn", simulated=True)
    points = []
    for side in regime.sides:
        point = _measure(side, regime, settings.seed)
        points.append(point)
        say(
            f"{point['neurons']} neurons: {point['median_ms']:.2f} ms a step, "
            f"{point['held_mib']:.2f} MiB held"
        )
    neurons = np.array([point["neurons"] for point in points], float)
    fits = {}
    for name in ("median_ms", "held_mib"):
        values = np.array([point[name] for point in points])
        slope, offset = np.polyfit(neurons, values, 1)
        left = values - (slope * neurons + offset)
        fits[name] = {
            "per_1000_neurons": 1000 * slope,
            "offset": offset,
            "r_squared": 1.0 - left.var() / values.var(),
            "exponent": float(np.polyfit(np.log(neurons), np.log(values), 1)[0]),
        }
        say(
            f"{name}: {1000 * slope:.4f} per 1,000 neurons, r^2 {fits[name]['r_squared']:.4f}, "
            f"exponent of a power law {fits[name]['exponent']:.2f}"
        )
    results = {"regime": asdict(regime), "points": points, "fits": fits}
    draw(points, fits, settings)
    report.write(results)
    return results


@torch.no_grad()
def _measure(side: int, regime: ScalingSettings, seed: int) -> dict[str, float]:
    layer = LayerSettings(
        channels=regime.channels, pool=1, kernel=regime.kernel, padding=regime.kernel // 2
    )
    network = Network(NetworkSettings(layers=(layer,) * 3, height=side, width=side, seed=seed))
    learner = Learner(network, LearningSettings(rate=1e-4, seed=seed))
    states = network.initial_state(1)
    generator = torch.Generator().manual_seed(seed)
    one_hot = torch.eye(network.settings.classes)[:1]
    times_ms = []
    for _ in range(regime.warm_up_steps + regime.steps):
        drawn = torch.rand((1, 2, side, side), generator=generator)
        x = (drawn < regime.input_chance).float()
        begin_ns = time.perf_counter_ns()
        steps = network.step(states, x, learning=True)
        learner.learn([state.p_padded for state in states], steps, one_hot)
        times_ms.append((time.perf_counter_ns() - begin_ns) / 1e6)
    low, median, high = np.percentile(times_ms[regime.warm_up_steps :], (25, 50, 75))
    held = [
        *(tensor for state in states for tensor in (state.q, state.p_padded, state.r)),
        *(tensor for step in steps for tensor in (step.u, step.spikes, step.activity)),
        *network.tensors().values(),
        *learner.state().tensors.values(),
    ]
    return {
        "neurons": float(sum(step.u.numel() for step in steps)),
        "median_ms": float(median),
        "quartile_low_ms": float(low),
        "quartile_high_ms": float(high),
        "held_mib": sum(tensor.numel() * tensor.element_size() for tensor in held) / 2**20,
    }


def draw(
    points: list[dict[str, float]], fits: dict[str, dict[str, float]], settings: ExperimentSettings
) -> None:
    """Time and memory with their fitted lines."""
    figure, panels = new_figure(1, 2, width=8.0, height=3.4)
    x = np.array([point["neurons"] for point in points]) / 1000.0
    for panel, name, label in zip(
        panels, ("median_ms", "held_mib"), ("ms a learning step", "memory held (MiB)"), strict=True
    ):
        fit = fits[name]
        panel.plot(x, [point[name] for point in points], "o", mfc="none")
        panel.plot(x, fit["per_1000_neurons"] * x + fit["offset"], "k-", lw=0.8)
        panel.set(xlabel="neurons (thousands)", ylabel=label, xlim=(0, None), ylim=(0, None))
        panel.set_title(f"line: r² = {fit['r_squared']:.4f}", fontsize=9)
    panels[0].errorbar(
        x,
        [point["median_ms"] for point in points],
        yerr=[
            [point["median_ms"] - point["quartile_low_ms"] for point in points],
            [point["quartile_high_ms"] - point["median_ms"] for point in points],
        ],
        fmt="none",
        lw=0.8,
    )
    save_figure(figure, settings.out / "scaling.png")
