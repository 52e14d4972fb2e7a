"""Windows of recordings of objects: how long, how varied, and in which order they are learnt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from models.learning_settings import LearningSettings
from models.settings import NetworkSettings
from pipeline.binning import Frames
from pipeline.experiments.best_settings import TRAINED, with_bank
from pipeline.experiments.small_network import SMALL_LAYERS
from pipeline.object_recordings import ObjectRecording
from pipeline.variation import Variation, changed, draw_change, draw_speed, frames_read


@dataclass(frozen=True, slots=True)
class ObjectsSettings:
    """How it learns; chosen by leaving `Estilete_1` out, a second recording of its class."""

    network: NetworkSettings
    """`classes` is that of the recordings, whatever it says here."""
    learning: LearningSettings
    batch: int = 4
    """Windows that are learnt from together."""
    window_steps: int = 300
    passes: int = 2
    """The first is prequential: every window is classified before it is learnt."""
    burn_in_ms: int = 50
    learn_every_ms: int = 5
    """At every one the upper layers learn little, with this step and regulariser."""
    variation: Variation = field(
        default_factory=lambda: Variation(
            shift_cells=3,
            rotate_up_to_degrees=10.0,
            zoom_up_to=1.15,
            speed_up_to=1.25,
            drop_up_to=0.4,
        )
    )
    """Of what is learnt from: another session stands, turns and is lit a little differently."""
    ridge: float = 1.0
    together: int = 4
    """Windows in a row whose scores are also added up, to one answer each."""


USUAL = ObjectsSettings(
    network=replace(
        with_bank(NetworkSettings(layers=SMALL_LAYERS, classes=6)),
        reading="softmax",
        reading_layers=(-2, -1),
        over_time="product",
    ),
    learning=TRAINED,
)

Window = tuple[ObjectRecording, int]
"""A recording and the first frame of a window of it."""


def windows_of(
    recording: ObjectRecording, begin: float, end: float, regime: ObjectsSettings
) -> list[Window]:
    """Windows side by side between two shares of a recording."""
    frames, steps = len(recording.bits), regime.window_steps
    return [
        (recording, at) for at in range(int(begin * frames), int(end * frames) - steps + 1, steps)
    ]


def interleaved(windows: Sequence[Window], rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """An order in which recordings alternate at random, each going forward in time."""
    recordings = np.array([id(recording) for recording, _ in windows])
    order = np.empty(len(windows), np.int64)
    slots = rng.permutation(recordings)
    for recording in np.unique(recordings):
        order[slots == recording] = np.flatnonzero(recordings == recording)
    return order


def frames_of(window: Window, regime: ObjectsSettings) -> Frames:
    """A window's frames, shape (window_steps, 2, side, side)."""
    recording, begin = window
    return recording.frames(begin, begin + regime.window_steps)


def varied(window: Window, regime: ObjectsSettings, rng: np.random.Generator) -> Frames:
    """A window that ends where that one does, as the regime varies it."""
    recording, begin = window
    speed = draw_speed(regime.variation, rng)
    end, read = begin + regime.window_steps, frames_read(regime.window_steps, speed)
    change = draw_change(regime.variation, rng)
    # Never beyond the end: what follows may be what is tested.
    frames = recording.frames(max(end - read, 0), end)
    return changed(frames, change, steps=regime.window_steps, speed=speed)


def varied_once(windows: Sequence[Window], regime: ObjectsSettings, seed: int) -> Iterator[Frames]:
    """What linear layers learn from: every window once, always varied in the same way."""
    rng = np.random.default_rng([seed, 1])
    for window in windows:
        yield varied(window, regime, rng)
