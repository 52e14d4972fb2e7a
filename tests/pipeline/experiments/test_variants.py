"""Ablation and error-triggered learning on samples with events in one half or the other."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline.event_samples import read_event_samples
from pipeline.experiments import ablation, error_triggered
from pipeline.experiments.tasks import digits_task


def test_every_variant_is_learnt_and_tested(settings, event_samples: Path) -> None:
    """Twelve variants of two seeds on eight test samples, each with its accuracy by layer."""
    given = settings(samples=16)
    samples = read_event_samples(event_samples, classes=10)
    found = ablation.compare(samples, 16, given, lambda _line: None, seeds=2)["variants"]
    assert len({each["variant"] for each in found}) == 12
    assert all([run["test_sequences"] for run in each["runs"]] == [8, 8] for each in found)
    assert all(each["accuracy_by_layer"].shape == (3,) for each in found)
    assert (given.out / "ablation.png").is_file()


def test_gradients_between_updates_are_left_out_or_added_up(settings, event_samples: Path) -> None:
    """Where all gradients count there is one at every of the 110 ms learnt from, and as many
    updates as where each is of one gradient.
    """
    samples = read_event_samples(event_samples, classes=10)
    found = ablation.compare(samples, 16, settings(samples=32), lambda _line: None, seeds=1)
    runs = {each["variant"]: each["runs"][0] for each in found["variants"]}
    updates = {name: run["updates"] for name, run in runs.items()}
    assert updates["an update every 1 ms"] == 2 * 110
    for ms in (10, 20):
        one = runs[f"an update every {ms} ms, of one gradient"]
        every = runs[f"an update every {ms} ms, of all {ms} gradients"]
        assert (one["learn_every_ms"], one["update_every_steps"]) == (ms, 1)
        assert (every["learn_every_ms"], every["update_every_steps"]) == (1, ms)
        assert one["updates"] == 2 * -(-110 // ms)
        assert every["updates"] == 2 * 110 // ms


def test_fewer_errors_are_learnt_from_where_fewer_are_wanted(settings, event_samples: Path) -> None:
    """Eq. 5 takes all errors; with the smallest rate wanted, Eq. 6 takes the fewest."""
    given = settings(samples=128)
    samples = read_event_samples(event_samples, classes=10)
    task = digits_task(samples, side=16, seed=0)
    rates = (None, 0.3, 0.01)
    error_triggered.compare([task], given, lambda _line: None, rates=rates, seeds=1)
    written = json.loads((given.out / "error-triggered.json").read_text())
    results = written["results"]["tasks"][task.name]
    shares = [each["share_of_errors_learnt"] for each in results]
    assert shares[0] == 1.0
    assert shares[-1] < shares[1] < 1.0
