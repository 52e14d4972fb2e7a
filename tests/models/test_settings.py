"""Settings are checked when they are made."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from models.errors import ModelError
from models.learning_settings import LearningSettings
from models.presets import preset
from models.settings import LayerSettings, NetworkSettings


def test_paper_preset_has_the_shapes_of_table_2() -> None:
    """64x30x30 to 15x15, 128x13x13, 128x11x11 to 5x5; fan-in 14400, 21632, 3200."""
    shapes = preset("paper").network.shapes()
    assert [shape.membrane for shape in shapes] == [(64, 30, 30), (128, 13, 13), (128, 11, 11)]
    assert [shape.pooled for shape in shapes] == [(64, 15, 15), (128, 13, 13), (128, 5, 5)]
    assert [shape.readout_inputs for shape in shapes] == [14400, 21632, 3200]


def test_preset_takes_its_seed() -> None:
    """Both the network's and the learning seed follow."""
    chosen = preset("small", seed=9)
    assert (chosen.network.seed, chosen.learning.seed) == (9, 9)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: LayerSettings(channels=0), "layer channels: got 0"),
        (lambda: LayerSettings(channels=2, pool=0), "layer pool: got 0"),
        (lambda: LayerSettings(channels=2, kernel=3, padding=3), "layer padding: got 3"),
        (lambda: NetworkSettings(layers=()), "layers: got 0"),
        (
            lambda: NetworkSettings(layers=(LayerSettings(2),), tau_m_ms=(0.5, 3.0)),
            "tau_m_ms: got (0.5, 3.0)",
        ),
        (
            lambda: NetworkSettings(layers=(LayerSettings(2),), gain=float("nan")),
            "gain: got nan",
        ),
        (
            lambda: NetworkSettings(layers=(LayerSettings(2, pool=16),), height=8, width=8),
            "layer 1: got 'input of 8x8",
        ),
        (lambda: LearningSettings(update_every_steps=0), "update every steps: got 0"),
        (lambda: LearningSettings(dropout=1.0), "dropout: got 1.0"),
        (lambda: LearningSettings(dropout_place="spikes"), "dropout place: got 'spikes'"),
        (lambda: LearningSettings(seed=2**63), "seed: got 9223372036854775808"),
        (lambda: preset("small", seed=-1), "seed: got -1"),
        (lambda: preset("none"), "preset: got 'none'"),
        (lambda: NetworkSettings.from_dict({"layers": [{"channel": 3}]}), "network settings: got"),
    ],
)
def test_bad_settings_name_what_got_and_allowed(make: Callable[[], object], words: str) -> None:
    """Every refusal says which setting, the value it got and what it may be."""
    with pytest.raises(ModelError) as caught:
        make()
    assert words in str(caught.value)
    assert "allowed:" in str(caught.value)
