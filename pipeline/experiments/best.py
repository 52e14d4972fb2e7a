"""Better than the paper: each change of the rule alone, and all together, on three tasks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from models.averaging import WeightAverage
from models.events_trainer import EventsTrainer
from models.network import Network
from models.torch_engine import prepare_torch
from pipeline.atomic_file import write_atomically
from pipeline.event_samples import read_event_samples
from pipeline.experiments.best_settings import (
    PAPER_WAY,
    ROWS,
    TRAININGS,
    WAYS,
    Row,
    Training,
)
from pipeline.experiments.figures import need_matplotlib, new_figure, save_figure
from pipeline.experiments.report import Report
from pipeline.experiments.schedule import cosine
from pipeline.experiments.settings import ExperimentSettings, Say
from pipeline.experiments.simulated_gestures import SIDE, coarse_gestures_task
from pipeline.experiments.step_readings import step_readings
from pipeline.experiments.tasks import (
    BATCH,
    SIMULATED_SET,
    Sequences,
    Task,
    digits_task,
    objects_task,
)
from pipeline.object_recordings import read_object_recordings
from pipeline.real_data import find

Shares = dict[str, dict[str, dict[str, float]]]
"""Right answers: plain or averaged weights, way of reading, part (selection or test)."""


@dataclass(frozen=True, slots=True)
class BestSettings:
    """How every network of the table learns."""

    samples: int = 1200
    """Crops that each learns from."""
    seeds: int = 3
    burn_in_ms: int = 40
    learn_every_ms: int = 5
    average_decay: float = 0.9
    """Of the running mean of weights, taken after every minibatch."""


def run(settings: ExperimentSettings, say: Say) -> dict[str, Any]:
    """On N-MNIST and the turntable objects, and on gestures where data/simulated is there."""
    need_matplotlib()
    prepare_torch(settings.threads)
    samples = read_event_samples(find(settings.data, "nmnist/train1000.npz"), classes=10)
    recordings = read_object_recordings(find(None, "dvs128_objects"), side=SIDE)
    tasks: list[Callable[[int], Task]] = [
        lambda seed: digits_task(samples, side=17, seed=seed),
        lambda _seed: objects_task(recordings),
    ]
    if SIMULATED_SET.exists():
        gestures = coarse_gestures_task(SIMULATED_SET, settings.out / "trials")
        tasks.append(lambda _seed: gestures)
    else:
        say(f"two tasks: there are no gestures in {SIMULATED_SET}")
    regime = BestSettings()
    if settings.samples is not None:
        regime = replace(regime, samples=settings.samples)
    return compare(tasks, regime, settings, say)


def compare(
    tasks: Sequence[Callable[[int], Task]],
    regime: BestSettings,
    settings: ExperimentSettings,
    say: Say,
    *,
    trainings: Sequence[Training] = TRAININGS,
    rows: Sequence[Row] = ROWS,
) -> dict[str, Any]:
    """The table, on any tasks, each made by a function of the seed.

    What a network gave is kept in `best_cells`: a run that was stopped goes on where it was.
    """
    first = [make(settings.seed) for make in tasks]
    data = "; ".join(task.name for task in first)
    report = Report("best", settings, data=data, simulated=any(task.simulated for task in first))
    found: dict[str, dict[str, list[Shares]]] = {}
    missing: list[str] = []
    for seed in range(settings.seed, settings.seed + regime.seeds):
        for make in tasks:
            task = make(seed)
            for training in trainings:
                path = settings.out / "best_cells" / _file_name(task, training, regime, seed)
                late = settings.minutes is not None and report.elapsed_s > 60 * settings.minutes
                if late and not path.exists():
                    missing.append(path.stem)
                    continue
                averaged = [row.averaged for row in rows if row.training == training.name]
                shares = _cell(path, task, training, regime, seed, averaged, say)
                found.setdefault(task.name, {}).setdefault(training.name, []).append(shares)
    if missing:
        say(f"time is up: {len(missing)} networks are learnt by the next run with the same --out")
    table = {name: table_of(cells, rows) for name, cells in found.items()}
    results = {"regime": asdict(regime), "table": table, "cells": found, "missing": missing}
    for name, lines in table.items():
        for line in lines:
            say(f"{name}, {line['name']}: {_text(line)}")
    draw(table, settings)
    report.write(results)
    return results


def _text(line: dict[str, Any]) -> str:
    means, chosen = 100 * line["mean"], f", read by the {line['way']}" if line["chosen"] else ""
    return f"{means:.1f} ± {100 * line['sd_of_seeds']:.1f} % of {line['seeds']} seeds{chosen}"


def _file_name(task: Task, training: Training, regime: BestSettings, seed: int) -> str:
    """Of what one network gave; other data and other settings have another name."""
    about = json.dumps(
        [
            task.name,
            task.data,
            replace(training.network(task.network), seed=seed).to_dict(),
            asdict(replace(training.learning, seed=seed)),
            asdict(training.variation),
            asdict(regime) | {"seeds": None},
            [asdict(way) for way in WAYS],
        ],
        sort_keys=True,
    )
    digest = hashlib.blake2b(about.encode(), digest_size=8).hexdigest()
    name = f"{task.name}-{training.name}-{seed}".replace(" ", "_").replace(",", "")
    return f"{name}-{digest}.json"


def _cell(
    path: Path,
    task: Task,
    training: Training,
    regime: BestSettings,
    seed: int,
    averaged: Sequence[bool],
    say: Say,
) -> Shares:
    """What one network gives: learnt, or read back where the same was learnt before."""
    if path.exists():
        kept: Shares = json.loads(path.read_text())
        return kept
    shares = learn_and_read(task, training, regime, seed, averaged)
    path.parent.mkdir(exist_ok=True)
    write_atomically(path, json.dumps(shares, indent=1).encode() + b"\n")
    for name, ways in shares.items():
        found = ways[PAPER_WAY.name]["test"]
        say(f"{task.name}, {training.name}, seed {seed}, {name}: {PAPER_WAY.name} {found:.1%}")
    return shares


def learn_and_read(
    task: Task, training: Training, regime: BestSettings, seed: int, averaged: Sequence[bool]
) -> Shares:
    """One network from its first weights on; read as it ended, or (True) the mean on the way."""
    network = Network(replace(training.network(task.network), seed=seed))
    trainer = EventsTrainer(
        network,
        replace(training.learning, seed=seed),
        batch=BATCH,
        burn_in_ms=regime.burn_in_ms,
        learn_every_ms=regime.learn_every_ms,
    )
    average = WeightAverage(network, regime.average_decay)
    draw_minibatch = task.drawing(seed, training.variation)
    minibatches = max(regime.samples // BATCH, 1)
    for number in range(minibatches):
        frames, classes = draw_minibatch()
        trainer.run(frames, classes, rate_factor=cosine(number / minibatches))
        average.take()
    mean = network.copy()
    average.give(mean)
    return {
        "averaged" if each else "plain": _read(mean if each else network, task, regime)
        for each in sorted(set(averaged))
    }


def _read(network: Network, task: Task, regime: BestSettings) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {way.name: {} for way in WAYS}
    parts: tuple[tuple[str, Sequences], ...] = (("selection", task.selection), ("test", task.tests))
    for part, sequences in parts:
        right: dict[str, list[bool]] = {way.name: [] for way in WAYS}
        for frames, classes in sequences():
            readings = step_readings(network, frames)
            for way in WAYS:
                scores = way.scores(readings, burn_in_ms=regime.burn_in_ms)
                right[way.name] += (scores.argmax(1) == classes).tolist()
        for name, answers in right.items():
            found[name][part] = float(np.mean(answers))
    return found


def table_of(cells: dict[str, list[Shares]], rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Mean and spread of every row, and what it gains seed by seed over the first one."""
    lines: list[dict[str, Any]] = []
    first: list[float] = []
    for row in rows:
        shares = [
            cell["averaged" if row.averaged else "plain"] for cell in cells.get(row.training, [])
        ]
        if not shares:
            continue
        way = row.way.name if row.way else _chosen(shares)
        tests = [each[way]["test"] for each in shares]
        first = first or tests
        gains = [test - base for test, base in zip(tests, first, strict=False)]
        lines.append(
            {
                "name": row.name,
                "way": way,
                "chosen": row.way is None,
                "mean": float(np.mean(tests)),
                "sd_of_seeds": float(np.std(tests, ddof=1)) if len(tests) > 1 else 0.0,
                "gain": float(np.mean(gains)),
                "selection": float(np.mean([each[way]["selection"] for each in shares])),
                "tests": tests,
                "seeds": len(tests),
            }
        )
    return lines


def _chosen(shares: Sequence[dict[str, dict[str, float]]]) -> str:
    """The way that is right most often on the selection part; the first of equals."""
    means = {way.name: np.mean([each[way.name]["selection"] for each in shares]) for way in WAYS}
    return max(means, key=lambda name: float(means[name]))


def draw(table: dict[str, list[dict[str, Any]]], settings: ExperimentSettings) -> None:
    """Accuracy of every row, one panel a task."""
    figure, panels = new_figure(1, max(len(table), 1), width=3.0 + 2.4 * len(table), height=3.4)
    for number, (axes, (name, lines)) in enumerate(
        zip(np.atleast_1d(panels), table.items(), strict=False)
    ):
        names = [line["name"] for line in lines][::-1]
        means = [100 * line["mean"] for line in lines][::-1]
        spread = [100 * line["sd_of_seeds"] for line in lines][::-1]
        axes.barh(names, means, xerr=spread, color=["C1", *["C0"] * (len(names) - 1)])
        axes.axvline(100 * lines[0]["mean"], color="k", lw=0.8, ls=":")
        for row, mean in enumerate(means):
            axes.text(1, row, f"{mean:.1f}", va="center", color="white", size=8)
        axes.set(xlabel="right (%), mean and sd of seeds", xlim=(0, 100))
        axes.set_title(name, fontsize=9)
        if number:
            axes.set_yticks(range(len(names)), [""] * len(names))
    save_figure(figure, settings.out / "best.png")
