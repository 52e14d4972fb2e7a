"""Regression of Fig. 1 at toy size."""

from __future__ import annotations

import json

from pipeline.experiments.regression import TARGETS, RegressionSettings, regress, targets_of

TINY = RegressionSettings(neurons=48, steps=60, passes=6, rate=2e-3)


def test_every_layer_comes_closer_to_its_own_target(settings) -> None:
    """Losses fall, and the same seed gives the same numbers."""
    given = settings(seed=2)
    found = regress(TINY, given, lambda _line: None)
    losses = found["loss_by_pass"]
    assert losses.shape == (6, 3)
    assert (losses[-1] < losses[0]).all()
    assert (given.out / "regression.png").is_file()
    written = json.loads((given.out / "regression.json").read_text())
    assert set(written["results"]["rms_error"]) == set(TARGETS)
    assert regress(TINY, given, lambda _line: None)["rms_error"] == found["rms_error"]


def test_targets_are_a_ramp_and_two_periods() -> None:
    """All between 0 and 1; the fast sinusoid rises through its middle more often."""
    ramp, fast, slow = targets_of(RegressionSettings(steps=500))
    assert (ramp[0], ramp[-1]) == (0.0, 1.0)
    rises = [int(((wave[:-1] < 0.5) & (wave[1:] >= 0.5)).sum()) for wave in (fast, slow)]
    assert rises[0] > 2 * rises[1]
