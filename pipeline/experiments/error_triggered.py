"""Error-triggered learning (Eq. 6): accuracy against the share of errors learnt from, and of
updates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from models.torch_engine import prepare_torch
from pipeline.experiments.best_settings import LEARNING, with_bank
from pipeline.experiments.figures import need_matplotlib, new_figure, save_figure
from pipeline.experiments.report import Report
from pipeline.experiments.settings import ExperimentSettings, Say
from pipeline.experiments.simulated_gestures import SIDE, coarse_gestures_task
from pipeline.experiments.tasks import SIMULATED_SET, Task, objects_task
from pipeline.experiments.variants import LEARNT_SHARES, Variant, spread_text, try_seeds
from pipeline.object_recordings import read_object_recordings
from pipeline.real_data import find

SAMPLES = 800
SEEDS = 3
ERROR_RATES = (None, 0.3, 0.1, 0.03, 0.01)
"""Shares of errors that a layer's threshold is adapted to; None: Eq. 5, which takes all."""


def run(settings: ExperimentSettings, say: Say) -> dict[str, Any]:
    """On the turntable objects, and on the gestures in data/simulated where they are there."""
    need_matplotlib()
    prepare_torch(settings.threads)
    folder = find(settings.data, "dvs128_objects")
    tasks = [objects_task(read_object_recordings(folder, side=SIDE))]
    if SIMULATED_SET.exists():
        tasks.append(coarse_gestures_task(SIMULATED_SET, settings.out / "trials"))
    else:
        say(f"objects alone: there are no gestures in {SIMULATED_SET}")
    return compare(tasks, settings, say)


def compare(
    tasks: Sequence[Task],
    settings: ExperimentSettings,
    say: Say,
    *,
    rates: Sequence[float | None] = ERROR_RATES,
    seeds: int = SEEDS,
) -> dict[str, Any]:
    """The experiment on any tasks, with these shares of errors wanted."""
    simulated = any(task.simulated for task in tasks)
    data = "; ".join(task.name for task in tasks)
    report = Report("error-triggered", settings, data=data, simulated=simulated)
    found: dict[str, list[dict[str, Any]]] = {task.name: [] for task in tasks}
    for task in tasks:
        for rate in rates:
            if settings.minutes is not None and report.elapsed_s > 60 * settings.minutes:
                say(f"time is up before: {task.name}, share {rate}")
                break
            name = "all errors (Eq. 5)" if rate is None else f"{rate:.0%} of errors (Eq. 6)"
            # Fixed readouts, as in Eq. 6: signs of a trained readout's errors do not add up to 0.
            variant = Variant(name, with_bank(task.network), replace(LEARNING, error_rate=rate))
            result = try_seeds(
                variant,
                [task] * seeds,
                samples=settings.samples or SAMPLES,
                first_seed=settings.seed,
            )
            found[task.name].append(result)
            say(
                f"{task.name}, {name}: learnt from {result['share_of_errors_learnt']:.1%} of "
                f"errors, {result['share_of_updates']:.1%} of updates made, right by layer "
                + spread_text(result)
            )
    draw(found, settings)
    report.write({"tasks": found})
    return {"tasks": found}


def draw(found: dict[str, list[dict[str, Any]]], settings: ExperimentSettings) -> None:
    """Accuracy of the top layer against the share of errors learnt from, and of updates made."""
    figure, panels = new_figure(1, 2, width=9.0, height=3.6)
    labels = ("errors learnt from (%)", "updates made (%)")
    for axes, share, label in zip(panels, LEARNT_SHARES, labels, strict=True):
        for name, results in found.items():
            points = sorted(
                (
                    100 * each[share],
                    100 * each["accuracy_by_layer"][-1],
                    100 * each["sd_of_seeds"][-1],
                )
                for each in results
            )
            if points:
                shares, means, spread = zip(*points, strict=True)
                axes.errorbar(shares, means, yerr=spread, fmt="o-", capsize=2, label=name)
        axes.set(xscale="log", xlabel=label, ylabel="right, top layer (%)")
        axes.set_ylim(0, 100)
    panels[0].legend(fontsize=8)
    save_figure(figure, settings.out / "error-triggered.png")
