"""A network that is taught as a live one is, frame by frame, without processes and clock."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from drivers.closing import Closing
from models.checkpoint_file import write_checkpoint
from models.engine import Engine
from models.engines import load_engine
from models.live_learning import ONLINE
from models.teaching import teaching_of
from pipeline.background import BackgroundWriter
from pipeline.clips import Clip, refuse_counts
from pipeline.decisions import FRAME_US, DecisionSettings
from pipeline.evaluation import BURN_IN_FRAMES
from pipeline.gesture_score import GestureScore
from pipeline.intake import Frame
from pipeline.recogniser import Recogniser
from pipeline.scoring import TrialVotes
from pipeline.targets import Targets
from pipeline.teacher import Teacher, TeacherParts
from pipeline.trials import TRIAL_FRAMES


@dataclass(frozen=True, slots=True)
class Performed:
    """One performance of a gesture, packed frames of 1 ms."""

    class_name: str
    bits: Sequence[np.ndarray[tuple[int], np.dtype[np.uint8]]]


@dataclass(frozen=True, slots=True)
class LessonEffect:
    """What the label did while a lesson was given."""

    first_ms: int | None
    """Until the first label of the taught class; None: not while the lesson lasted."""


class TaughtNetwork(Closing):
    """Engine, recogniser and teacher of one brain; everything that they do is theirs."""

    def __init__(self, checkpoint: Path, given: list[Clip], *, seed: int) -> None:
        self.engine: Engine = load_engine(
            checkpoint, device="cpu", learning=replace(ONLINE, seed=seed)
        )
        settings = self.engine.settings
        refuse_counts(settings)
        self._shape = (settings.input_channels, settings.height, settings.width)
        targets = Targets([], classes=settings.classes)
        trials = TrialVotes([], settings)
        self._recogniser = Recogniser(
            self.engine,
            source="experiment",
            decisions=DecisionSettings(),
            targets=targets,
            trials=trials,
        )
        self._folder = tempfile.TemporaryDirectory(prefix="wigwag-taught-")
        self._writer = BackgroundWriter()
        self._teaching = teaching_of(self.engine)
        self.teacher = Teacher(
            TeacherParts(self.engine, self._teaching, [self._recogniser], ONLINE.rate),
            Path(self._folder.name),
            self._writer,
            layer=-1,
            given=given,
            note=lambda *_, **__: None,
            written=lambda _: None,
        )
        self._t_us = 0
        self._silence = np.zeros(self._shape, np.uint8)

    def lesson(self, performed: Performed, begin: int, end: int) -> LessonEffect:
        """Teach frames `[begin, end)` of a performance."""
        self.teacher.begin_lesson(performed.class_name, self._t_us, None)
        first_ms: int | None = None
        for number, bits in enumerate(performed.bits[begin:end], start=1):
            if self._step(_unpacked(bits, self._shape)) == performed.class_name:
                first_ms = first_ms or number
        self.teacher.end_lesson()
        return LessonEffect(first_ms)

    def watch(self, performed: Performed, begin: int, end: int) -> LessonEffect:
        """The same frames without teaching."""
        first_ms: int | None = None
        for number, bits in enumerate(performed.bits[begin:end], start=1):
            if self._step(_unpacked(bits, self._shape)) == performed.class_name:
                first_ms = first_ms or number
        return LessonEffect(first_ms)

    def rest(self, seconds: float) -> None:
        """Nothing moves; clips are rehearsed."""
        for _ in range(round(1000 * seconds)):
            self._step(self._silence)

    def accuracy(self, trials: Sequence[Performed]) -> dict[str, float]:
        """Per class the share of performances read right, as in the paper, by weights of now."""
        path = Path(self._folder.name) / "tested.safetensors"
        tensors = self._teaching.keep().tensors()
        write_checkpoint(
            path, self.engine.settings, tensors, self.engine.class_names, parent=None, record={}
        )
        engine = load_engine(path, device="cpu")
        engine.listen(engine.settings.read_layers)
        right: dict[str, list[bool]] = {}
        for trial in trials:
            engine.reset()
            score = GestureScore(engine.settings)
            for number, bits in enumerate(trial.bits[:TRIAL_FRAMES]):
                result = engine.step(_unpacked(bits, self._shape), None)
                if number >= BURN_IN_FRAMES:
                    score.add(result.votes, result.shares)
            answer = engine.class_names[score.winner]
            right.setdefault(trial.class_name, []).append(answer == trial.class_name)
        return {name: float(np.mean(found)) for name, found in right.items()}

    def close(self) -> None:
        """End the writer, remove its files."""
        self._writer.close()
        self._folder.cleanup()

    def _step(self, frame: Frame) -> str | None:
        """The label where one came."""
        self.teacher.begin_frame(self._t_us)
        _, label = self._recogniser.step(frame, self._t_us, 0)
        self.teacher.end_frame(frame)
        self.teacher.end_step(may_rehearse=True)
        self._t_us += FRAME_US
        return None if label is None else label.label


def _unpacked(
    bits: np.ndarray[tuple[int], np.dtype[np.uint8]], shape: tuple[int, int, int]
) -> Frame:
    return np.unpackbits(bits, count=shape[0] * shape[1] * shape[2]).reshape(shape)
