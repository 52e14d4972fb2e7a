"""The table of changes at toy size, on samples with events in one half or the other."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.network import Network
from models.trainer import count_votes
from pipeline.event_samples import read_event_samples
from pipeline.experiments import best
from pipeline.experiments.best_settings import ALL, GAIN, ROWS, TRAININGS
from pipeline.experiments.step_readings import Way, step_readings
from pipeline.experiments.tasks import Task, digits_task, three_layers

TOY = best.BestSettings(samples=32, seeds=2)
SOME = [training for training in TRAININGS if training.name in (GAIN, ALL)]


@pytest.fixture
def task(event_samples: Path) -> Task:
    """Four samples to choose by, eight to test."""
    samples = read_event_samples(event_samples, classes=10)
    return digits_task(samples, side=16, seed=0, steps=120)


def test_a_run_that_was_stopped_goes_on(settings, task: Task) -> None:
    """What time left missing is learnt by the next run, and nothing is learnt twice."""
    given = settings(minutes=1e-9)
    lines: list[str] = []
    found = best.compare([lambda _seed: task], TOY, given, lines.append, trainings=SOME)
    assert len(found["missing"]) == 4
    assert found["table"] == {}
    found = best.compare([lambda _seed: task], TOY, settings(), lines.append, trainings=SOME)
    assert found["missing"] == []
    kept = {path: path.stat().st_mtime_ns for path in (given.out / "best_cells").iterdir()}
    assert len(kept) == 4
    again = best.compare([lambda _seed: task], TOY, given, lines.append, trainings=SOME)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert again["table"] == found["table"]
    written = json.loads((given.out / "best.json").read_text())
    lines_of_task = written["results"]["table"][task.name]
    assert [line["name"] for line in lines_of_task] == [
        row.name for row in ROWS if row.training in (GAIN, ALL)
    ]
    assert all(line["seeds"] == 2 for line in lines_of_task)
    assert (given.out / "best.png").is_file()


def test_what_other_data_gave_is_not_taken_over(settings, event_samples: Path, task: Task) -> None:
    """The same samples with their labels turned round are learnt anew in the same folder."""
    samples = read_event_samples(event_samples, classes=10)
    other = replace(samples, classes=samples.classes[::-1].copy())
    turned = digits_task(other, side=16, seed=0, steps=120)
    assert task.data == digits_task(samples, side=16, seed=0, steps=120).data != turned.data
    for each in (task, turned):
        best.compare([lambda _, each=each: each], TOY, settings(), lambda _: None, trainings=SOME)
    assert len(list((settings().out / "best_cells").iterdir())) == 8


def test_the_way_to_read_is_chosen_without_the_test() -> None:
    """By what is right most often on the selection part, whatever the test says."""
    names = [way.name for way in best.WAYS]
    shares = {name: {"selection": 0.1, "test": 0.9} for name in names}
    shares[names[2]] = {"selection": 0.3, "test": 0.2}
    cells = {ALL: [{"averaged": shares, "plain": shares}]}
    line = best.table_of(cells, [row for row in ROWS if row.training == ALL])[0]
    assert line["way"] == names[2]
    assert line["mean"] == 0.2


def test_readings_of_every_step_give_the_votes_of_the_protocol() -> None:
    """Counted over time, whole votes are those that training counts (P 4.3)."""
    network = Network(three_layers(side=16, classes=4))
    frames = (np.random.default_rng(0).random((45, 3, 2, 16, 16)) < 0.05).astype(np.uint8)
    readings = step_readings(network, frames)
    assert readings.shape == (3, 45, 3, 4)
    counted = count_votes(network, frames, burn_in_ms=20)
    for layer in range(3):
        scores = Way("votes", (layer,), soft=False).scores(readings, burn_in_ms=20)
        assert scores.tolist() == counted[layer].tolist()


def test_a_leaky_sum_forgets() -> None:
    """Of two classes that were read equally loud, the later one wins; without leak neither."""
    readings = np.zeros((1, 40, 1, 2), np.float32)
    readings[0, :20, 0, 0] = readings[0, 20:, 0, 1] = 1.0
    whole = Way("sum", (0,), soft=True).scores(readings, burn_in_ms=0)
    leaky = Way("leaky", (0,), soft=True, tau_ms=10.0).scores(readings, burn_in_ms=0)
    assert whole[0, 0] == pytest.approx(whole[0, 1])
    assert leaky[0, 1] > 2 * leaky[0, 0]
