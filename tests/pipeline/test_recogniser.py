from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from drivers.errors import InputError
from models.engine import StepResult, StreamFrame
from models.settings import LayerSettings, NetworkSettings
from pipeline.decisions import DecisionSettings
from pipeline.labels import Label
from pipeline.recogniser import Recogniser
from pipeline.scoring import TrialVotes
from pipeline.targets import Targets
from recordings.labels import GestureInterval


class HalvesEngine:
    """A real, tiny engine: says which half of the picture holds more events."""

    def __init__(self) -> None:
        self.settings = NetworkSettings(
            layers=(LayerSettings(1, pool=1),), classes=2, height=4, width=4
        )
        self.class_names = ("left", "right")
        self.version = "halves"
        self.updates = 0
        self.targets: list[int | None] = []

    def step_together(self, frames: Sequence[StreamFrame]) -> list[StepResult]:
        """There is but one stream."""
        return [self._step(frame, target) for _, frame, target in frames]

    def _step(self, frame: npt.NDArray[np.uint8], target: int | None) -> StepResult:
        """Vote for the fuller half; "learning" only counts."""
        self.targets.append(target)
        self.updates += target is not None
        right = int(frame[..., 2:].sum() > frame[..., :2].sum())
        return StepResult(np.array([right]), np.array([0]), target is not None)

    def listen(self, layers: Sequence[int]) -> None:
        """There is but one layer."""

    def reset(self, stream: int) -> None:
        """Forget which targets came."""
        assert stream == 0
        self.targets.clear()

    def save(self, path: Path, record: dict[str, object]) -> str:
        """Write the record."""
        path.write_text(repr(record))
        return self.version


def _recogniser(intervals: list[GestureInterval], **changes: int) -> Recogniser:
    engine = HalvesEngine()
    return Recogniser(
        engine,
        source="desk",
        decisions=DecisionSettings(window_ms=100, min_events_per_s=1000.0),
        targets=Targets(intervals, classes=2),
        trials=TrialVotes(intervals, engine.settings),
        **changes,
    )


def _frames(half: str | None) -> npt.NDArray[np.uint8]:
    frame = np.zeros((2, 4, 4), dtype=np.uint8)
    if half is not None:
        frame[..., slice(0, 2) if half == "left" else slice(2, 4)] = 1
    return frame


def _run(recogniser: Recogniser, *parts: tuple[str | None, int]) -> list[Label]:
    labels, t_us = [], 1_000_000
    for half, frames in parts:
        for _ in range(frames):
            _, label = recogniser.step(_frames(half), t_us, 0)
            t_us += 1000
            if label is not None:
                labels.append(label)
    return labels


def test_labels_come_on_change_and_every_100_ms() -> None:
    """A change is said at once; an unchanged answer, silence too, every 100 frames."""
    labels = _run(_recogniser([]), (None, 250), ("left", 250), ("right", 100))
    assert [(label.t_us, label.label) for label in labels if label.changed] == [
        (1_001_000, "unsure"),
        (1_257_000, "left"),  # 100 events in the window, a window of less is silence
        (1_551_000, "right"),
    ]
    gaps = np.diff([label.t_us for label in labels])
    assert gaps.max() == 100_000


def test_targets_reach_the_engine_after_the_burn_in() -> None:
    """The engine is given the target of each frame's time, and none outside."""
    recogniser = _recogniser([GestureInterval(1_010_000, 1_070_000, 2)])
    _run(recogniser, ("left", 100))
    targets = recogniser.engine.targets  # type: ignore[attr-defined]
    assert targets == [None] * 60 + [1] * 10 + [None] * 30


def test_learning_left_out_is_counted() -> None:
    """A frame with a target that may not be learnt from is stepped without it, and counted."""
    recogniser = _recogniser([GestureInterval(0, 2_000_000, 1)])
    recogniser.step(_frames("left"), 1_000_000, 0, learn=False)
    assert recogniser.counts.learning_skipped == 1
    assert recogniser.engine.targets == [None]  # type: ignore[attr-defined]


def test_a_layer_that_is_not_there_is_refused() -> None:
    """The layer whose votes count must exist."""
    with pytest.raises(InputError, match="layer"):
        _recogniser([], layer=1)


def test_the_class_none_is_said_as_unsure() -> None:
    """Its votes are counted like any other's; the label is class 0."""
    recogniser = _recogniser([])
    recogniser.engine.class_names = ("none", "right")
    labels = _run(recogniser, ("left", 300), ("right", 100), ("left", 100))
    said = [label.label for label in labels if label.changed]
    assert said == ["unsure", "right", "unsure"]
    assert labels[-1].gesture_class == 0
    assert labels[-1].counts[0] > labels[-1].counts[1]


def test_a_lesson_of_what_is_known_is_spared() -> None:
    """Told so, nothing is learnt while nine tenths of the window say the class anyway."""
    recogniser = _recogniser([GestureInterval(1_000_000, 1_400_000, 1)])
    recogniser.spares_known = True
    _run(recogniser, ("right", 150), ("left", 250))
    targets = recogniser.engine.targets
    assert targets[:50] == [None] * 50
    assert targets[50:240] == [0] * 190
    assert targets[240:] == [None] * 160


def test_a_network_with_a_reading_of_its_own_is_read_by_shares() -> None:
    """Labels and trials rest on what the engine's shares say; a layer may be asked for instead."""

    class Surer(HalvesEngine):
        """Votes for the half, but is sure of the other one."""

        def __init__(self) -> None:
            super().__init__()
            self.settings = replace(self.settings, reading="softmax")

        def _step(self, frame: npt.NDArray[np.uint8], target: int | None) -> StepResult:
            result = super()._step(frame, target)
            return replace(result, shares=np.eye(2)[1 - result.votes[0]])

    intervals = [GestureInterval(1_000_000, 2_000_000, 1)]
    for layer, wanted in ((-1, "left"), (0, "right")):
        engine = Surer()
        trials = TrialVotes(intervals, engine.settings, layer=layer)
        recogniser = Recogniser(
            engine,
            source="desk",
            decisions=DecisionSettings(window_ms=100, min_events_per_s=1000.0),
            targets=Targets([], classes=2),
            trials=trials,
            layer=layer,
        )
        labels = _run(recogniser, ("right", 300))
        assert labels[-1].label == wanted
        assert trials.results(("left", "right"))[0].got_label == wanted
