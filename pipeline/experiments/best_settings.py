"""What is changed from the paper, alone and together, and how each is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from models.learning_settings import LearningSettings
from models.presets import preset
from models.settings import NetworkSettings
from pipeline.experiments.step_readings import Way
from pipeline.variation import Variation

PAPER_WAY = Way("votes of the top layer", (-1,), soft=False)
LEAKY_WAY = Way("leaky sum of the top layer", (-1,), soft=True, tau_ms=300.0)
TOGETHER_WAY = Way("votes of the two upper layers", (-2, -1), soft=False)
WAYS = (
    PAPER_WAY,
    LEAKY_WAY,
    TOGETHER_WAY,
    Way("sum of the two upper layers", (-2, -1), soft=True),
    Way("leaky sum of the two upper layers", (-2, -1), soft=True, tau_ms=300.0),
    Way("sum of all layers", (-3, -2, -1), soft=True),
    Way("leaky sum of all layers", (-3, -2, -1), soft=True, tau_ms=300.0),
)


@dataclass(frozen=True, slots=True)
class Training:
    """How one network learns; it may be read in several ways."""

    name: str
    network: Callable[[NetworkSettings], NetworkSettings]
    """What becomes of the task's network."""
    learning: LearningSettings
    variation: Variation


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a training, and a way to read it."""

    name: str
    training: str
    averaged: bool = False
    """Read is the running mean of its weights."""
    way: Way | None = PAPER_WAY
    """None: the one that is right most often on what is there to choose by."""


_BEST = preset("best")


def _as_it_is(network: NetworkSettings) -> NetworkSettings:
    return network


def _with_gain(network: NetworkSettings) -> NetworkSettings:
    return replace(network, gain=10.0)


def with_bank(network: NetworkSettings) -> NetworkSettings:
    """A wider bank of time constants: fast and slow ones, on two copies of the input; gain 10."""
    wide = replace(network, input_copies=2, tau_pairs=0, tau_m_ms=(5.0, 60.0), tau_s_ms=(3.0, 20.0))
    return _with_gain(wide)


def _as_preset(network: NetworkSettings) -> NetworkSettings:
    """Layers, time constants and gain of the preset `best`, on the task's input and classes."""
    return replace(
        network,
        layers=_BEST.network.layers,
        input_copies=_BEST.network.input_copies,
        tau_pairs=_BEST.network.tau_pairs,
        tau_m_ms=_BEST.network.tau_m_ms,
        tau_s_ms=_BEST.network.tau_s_ms,
        gain=_BEST.network.gain,
    )


PLAIN = Variation()
VARIED = Variation(shift_cells=1, rotate_up_to_degrees=5.0, speed_up_to=1.15, drop_up_to=0.1)
PAPER_LEARNING = LearningSettings(rate=7e-4)
"""The step that goes with a gain of 1 on networks this small (the paper leaves it open)."""
LEARNING = LearningSettings(rate=2e-3)
"""The step that goes with a gain of 10."""
TRAINED = replace(LEARNING, readout_rate=3e-3, loss="CrossEntropyLoss", regularisation=1e-2)
"""Chosen on what is there to choose by: beside it, readout steps of 5e-4 to 1e-2, weight steps of
5e-4 to 4e-3, regularisers of 1e-3 to 3e-2, no dropout and fewer updates. Cross-entropy's errors are
not divided by the number of classes, so neither is the regulariser."""
PAPER, GAIN, ALL, CHOSEN = "paper", "gain", "all together", "chosen together"
PRESET = "preset best"
TRAININGS = (
    Training(PAPER, _as_it_is, PAPER_LEARNING, PLAIN),
    Training(GAIN, _with_gain, LEARNING, PLAIN),
    Training("augmentation", _with_gain, LEARNING, VARIED),
    Training("trained readouts", _with_gain, TRAINED, PLAIN),
    Training("wider time constants", with_bank, LEARNING, PLAIN),
    Training(ALL, with_bank, TRAINED, VARIED),
    Training(CHOSEN, with_bank, TRAINED, PLAIN),
    Training(PRESET, _as_preset, _BEST.learning, PLAIN),
)
ROWS = (
    Row("as in the paper, unit gain", PAPER),
    Row("gain of 10", GAIN),
    Row("+ augmentation", "augmentation"),
    Row("+ trained local readouts, cross-entropy", "trained readouts"),
    Row("+ wider bank of time constants", "wider time constants"),
    Row("+ leaky readout sums", GAIN, way=LEAKY_WAY),
    Row("+ two layers voting together", GAIN, way=TOGETHER_WAY),
    Row("+ weight averaging", GAIN, averaged=True),
    Row("all together", ALL, averaged=True, way=None),
    Row("all but augmentation", CHOSEN, averaged=True, way=None),
    Row("network and rule of the preset `best`", PRESET, way=None),
)
"""Each change but the first is measured on top of a gain of 10: at unit gain so small a network
hardly fires, and learns nothing from so few samples that another change could better."""
