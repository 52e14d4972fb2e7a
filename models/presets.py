"""Networks and how to train them, by name."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from models.errors import ModelError
from models.learning_settings import LearningSettings
from models.settings import LayerSettings, NetworkSettings


@dataclass(frozen=True, slots=True)
class Preset:
    """A network and how to train it, under one name."""

    network: NetworkSettings
    learning: LearningSettings
    note: str = field(default="")


TABLE_2 = (
    LayerSettings(channels=64, pool=2),
    LayerSettings(channels=128, pool=1),
    LayerSettings(channels=128, pool=2),
)
"""Layers of the paper's network."""

SMALL = NetworkSettings(
    layers=(
        LayerSettings(channels=24, pool=2),
        LayerSettings(channels=32, pool=1),
        LayerSettings(channels=48, pool=1),
    ),
    input_copies=3,
    height=16,
    width=16,
    tau_m_ms=(5.0, 60.0),
    tau_s_ms=(3.0, 20.0),
    gain=5.0,
)
"""A network that a CPU core runs and teaches in real time."""

KNOWN_DIRECTIONS = 32
"""Of layers whose readouts have inputs of some hundreds to a thousand neurons."""

PRESETS: dict[str, Preset] = {
    "paper": Preset(
        network=NetworkSettings(
            layers=TABLE_2,
        ),
        learning=LearningSettings(rate=3e-5),
        note=(
            "Table 2. Left open by the paper and chosen here: padding 2 (fits Table 2), unit trace "
            "gain, weight scale 1.1, readouts uniform within 0.5/sqrt(fan-in), regulariser weights "
            "and the Adamax step."
        ),
    ),
    "decolle": Preset(
        network=NetworkSettings(
            layers=TABLE_2,
            tau_m_ms=(33.0, 33.0),
            tau_s_ms=(12.5, 12.5),
            readout_input="spikes",
        ),
        learning=LearningSettings(rate=2e-4, surrogate="boxcar"),
        note=(
            "As the authors' later work has it: one pair of time constants, readouts and dropout "
            "on spikes, a boxcar surrogate. The input stays binary, where theirs is counts "
            "(input_frames)."
        ),
    ),
    "full": Preset(
        network=NetworkSettings(
            layers=TABLE_2,
            tau_m_ms=(5.0, 60.0),
            tau_s_ms=(3.0, 20.0),
            tau_pairs=2,
            gain=5.0,
        ),
        learning=LearningSettings(rate=1e-3, regularisation=1.2e-2),
        note=(
            "Table 2 in real time on a CPU: two pairs of time constants a layer, so that filters "
            "follow the convolution, and a regulariser that keeps neurons sparse."
        ),
    ),
    "small": Preset(
        network=SMALL,
        learning=LearningSettings(rate=1e-3),
        note="For a CPU in real time: coarser input, a wider bank of time constants.",
    ),
    "best": Preset(
        network=replace(
            SMALL,
            reading="softmax",
            reading_layers=(-2, -1),
            over_time="product",
            other_class=11,
            known_directions=KNOWN_DIRECTIONS,
        ),
        learning=LearningSettings(
            rate=1e-3, readout_rate=3e-3, loss="CrossEntropyLoss", regularisation=2e-2
        ),
        note=(
            "The network of `small` with local readouts that learn too, by cross-entropy, and read "
            "by two layers: still local, still at every step. What lasts as no gesture is another "
            "one, class 11. Chosen on held-out users."
        ),
    ),
}


def preset(name: str, *, seed: int = 0) -> Preset:
    """The preset called `name`, with its seeds set; raises `ModelError` for an unknown one."""
    if name not in PRESETS:
        raise ModelError(f"preset: got {name!r}; allowed: {', '.join(PRESETS)}")
    found = PRESETS[name]
    return replace(
        found,
        network=replace(found.network, seed=seed),
        learning=replace(found.learning, seed=seed),
    )
