"""What the experiments shipped: both files are there and fit each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.experiments.linear_readout import LINEAR_ALL, LINEAR_TOP
from pipeline.experiments.trained_reading import load_trained_reading

FOLDER = Path(__file__).parents[3] / "models" / "checkpoints"


@pytest.mark.parametrize(("name", "classes"), [("nmnist", 10), ("objects", 6)])
def test_a_shipped_network_comes_with_its_linear_layers(name: str, classes: int) -> None:
    """`--checkpoint models/checkpoints/NAME.safetensors` works from a fresh clone, and is small."""
    reading = load_trained_reading(FOLDER / f"{name}.safetensors")
    assert len(reading.class_names) == classes
    assert set(reading.linear) == {LINEAR_TOP, LINEAR_ALL}
    assert reading.network.settings.classes == classes
    sizes = [path.stat().st_size for path in FOLDER.glob(f"{name}*.safetensors")]
    assert len(sizes) == 2
    assert max(sizes) < 2_000_000
