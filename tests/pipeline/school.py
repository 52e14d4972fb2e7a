"""A teacher with its engine and frames of noise, without processes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from models.checkpoint_file import version_of
from models.engine import Engine
from models.engines import load_engine
from models.live_learning import ONLINE
from models.teaching import teaching_of
from pipeline.background import BackgroundWriter
from pipeline.decisions import DecisionSettings
from pipeline.recogniser import Recogniser
from pipeline.scoring import TrialVotes
from pipeline.targets import Targets
from pipeline.teacher import Teacher, TeacherParts


@dataclass
class School:
    """A teacher with its engine, and frames."""

    engine: Engine
    teacher: Teacher
    recogniser: Recogniser
    writer: BackgroundWriter
    notes: list[dict[str, Any]] = field(default_factory=list)
    t_us: int = 0

    def go_on(self, frames: int, *, may_rehearse: bool = True) -> None:
        """So many frames of noise, the same ones at the same times."""
        for _ in range(frames):
            random = np.random.default_rng(self.t_us)
            frame = (random.random((2, 16, 16)) < 0.05).astype(np.uint8)
            self.teacher.begin_frame(self.t_us)
            self.recogniser.step(frame, self.t_us, 0)
            self.teacher.end_frame(frame)
            self.teacher.end_step(may_rehearse=may_rehearse)
            self.t_us += 1000

    def lesson(self, name: str, frames: int) -> None:
        """A lesson of so many frames."""
        self.teacher.begin_lesson(name, self.t_us, None)
        self.go_on(frames)
        self.teacher.end_lesson()

    @property
    def weights(self) -> str:
        """Digest of what the network is now."""
        tensors = teaching_of(self.engine).keep().tensors()
        return version_of(self.engine.settings, tensors, self.engine.class_names)


@contextmanager
def open_school(checkpoint: Path, folder: Path) -> Iterator[School]:
    """With the network of a checkpoint."""
    engine = load_engine(checkpoint, engine="events", device="cpu", learning=ONLINE)
    targets = Targets([], classes=engine.settings.classes)
    trials = TrialVotes([], engine.settings)
    decisions = DecisionSettings(min_events_per_s=0.0, threshold=0.05, margin=0.01)
    recogniser = Recogniser(engine, source="", decisions=decisions, targets=targets, trials=trials)
    notes: list[dict[str, Any]] = []
    with BackgroundWriter() as writer:
        teacher = Teacher(
            TeacherParts(engine, teaching_of(engine), [recogniser], ONLINE.rate),
            folder, writer, layer=-1, given=[],
            note=lambda what, **fields: notes.append({"what": what, **fields}),
            written=lambda _: None,
        )  # fmt: skip
        yield School(engine, teacher, recogniser, writer, notes)
