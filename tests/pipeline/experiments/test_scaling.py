"""Scaling of a learning step at toy size: that it is measured, never how fast it is."""

from __future__ import annotations

import json

import pytest

from pipeline.experiments.scaling import ScalingSettings, measure_scaling

TINY = ScalingSettings(channels=2, kernel=3, sides=(8, 12, 16), steps=3, warm_up_steps=1)


def test_memory_grows_with_the_number_of_neurons(settings) -> None:
    """Neurons are counted right, and every size has its time, memory and place in the fit."""
    given = settings()
    found = measure_scaling(TINY, given, lambda _line: None)
    assert [point["neurons"] for point in found["points"]] == [384, 864, 1536]
    assert all(point["median_ms"] > 0 for point in found["points"])
    assert found["fits"]["held_mib"]["exponent"] == pytest.approx(1.0, abs=0.3)
    assert (given.out / "scaling.png").is_file()
    assert json.loads((given.out / "scaling.json").read_text())["experiment"] == "scaling"
