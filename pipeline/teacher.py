"""Lessons while a brain runs: begun, ended, taken back; versions, clips and rehearsal between."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivers.errors import InputError
from models.engine import Engine
from models.errors import NotFiniteError
from models.new_class import check_new_class
from models.teaching import Kept, Teaching
from pipeline.background import BackgroundWriter
from pipeline.clips import Clip, ClipMemory, cut_clips
from pipeline.decisions import FRAME_US
from pipeline.growth import Growth
from pipeline.intake import Frame
from pipeline.lesson import Lesson
from pipeline.none_class import NONE
from pipeline.recogniser import Recogniser
from pipeline.rehearsal import Rehearsal
from pipeline.versions import Version, Versions

UNDO_BYTES = 64 << 20
"""Memory for what lessons can be taken back to, some thirty of a small network; the latest one can
be in any case, and versions go back further."""
LONGEST_LESSON_S = 3600.0
LONGEST_HELD_LESSON_S = 120.0
"""Of one that has no length: whoever holds it may be gone without a word."""

Note = Callable[..., None]
"""Takes a kind of log entry and its fields."""


@dataclass(frozen=True, slots=True)
class TeacherParts:
    """What a teacher works on."""

    engine: Engine
    teaching: Teaching
    recognisers: Sequence[Recogniser]
    """One for every stream of the engine that comes from a source, in the order of streams."""
    rate: float


class Teacher:
    """Keeps what the network learns from whom, frame by frame; not thread-safe.

    Everything here happens at a frame of the stream, so that the same requests at the same frames
    do the same again.
    """

    def __init__(
        self,
        parts: TeacherParts,
        folder: Path,
        writer: BackgroundWriter,
        *,
        layer: int,
        given: list[Clip],
        note: Note,
        written: Callable[[Version], None],
    ) -> None:
        """Files go to `folder`/versions and `folder`/clips, which are made."""
        self._engine, self._teaching = parts.engine, parts.teaching
        self._recognisers = parts.recognisers
        self._note, self._rate = note, parts.rate
        # Steps in proportion to errors spare what is known by themselves.
        for recogniser in self._recognisers:
            recogniser.spares_known = self._engine.settings.reading != "softmax"
        for name in ("versions", "clips"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self.clips_folder = folder / "clips"
        self.versions = Versions(folder / "versions", writer, written)
        self._memory = ClipMemory(self.clips_folder, writer, given)
        self.rehearsal = Rehearsal(self._engine, self._memory, layer)
        self._lesson: Lesson | None = None
        self._number = 0
        self._given: deque[Lesson] = deque()
        """That can be taken back, newest last."""
        self._lessons = 0
        self._now_us = [0 for _ in self._recognisers]
        """Of every stream, whose clocks may differ."""
        self._latest = 0
        """The stream whose frame came last."""
        self._growth = Growth(self._engine, self._teaching)
        self._good: Kept
        """What the network was when it last became another version."""
        self.make_version("begin")

    def begin_frame(self, t_us: int, stream: int = 0) -> None:
        """A stream's frame that begins at `t_us` comes next, stepped or not."""
        self._now_us[stream] = t_us + FRAME_US
        self._latest = stream
        lesson = self._lesson
        if lesson is None or lesson.stream != stream:
            return
        if t_us >= lesson.until_us:
            self.end_lesson()
        elif lesson.kept is None and t_us >= lesson.from_us:
            lesson.kept = self._keep()

    def end_frame(self, frame: Frame, stream: int = 0) -> None:
        """A stream's frame, shape (2, rows, columns), was stepped."""
        lesson = self._lesson
        if lesson is None or lesson.kept is None or lesson.stream != stream:
            return
        lesson.take(frame, self._now_us[stream])

    def end_step(self, *, may_rehearse: bool) -> None:
        """All frames of this step are done: one of a clip may follow, while no lesson is given."""
        if may_rehearse and (self._lesson is None or self._lesson.kept is None):
            try:
                self.rehearsal.step()
            except NotFiniteError:
                self.recover()
        if self._growth.is_too_large_by_now():
            self.recover()

    @property
    def lesson_stream(self) -> int | None:
        """Of whose frames the lesson is that runs, if one does."""
        return self._lesson.stream if self._lesson else None

    def status(self) -> dict[str, Any]:
        """What the control protocol's status has of it."""
        return {
            "classes": list(self._engine.class_names),
            "lesson": self._lesson.described() if self._lesson else None,
            "lessons": self._lessons,
            "undoable": len(self._given),
            "version": self.versions.current,
            "rehearsal": self.rehearsal.accuracy or None,
            "rehearsing": self.rehearsal.running,
            "rehearsal_on": self.rehearsal.on,
            "settings": self.settings(),
        }

    def begin_lesson(
        self, class_name: str, from_us: int, seconds: float | None, stream: int = 0
    ) -> Lesson:
        """End the lesson that runs, if any; the next, of a stream's frames, begins at `from_us` of
        its time, or now. Without `seconds` it lasts until it is ended, or for as long as one may.

        The class "none" is made when it is first taught. Raises `InputError` for another class
        that is not there and for seconds out of range.
        """
        if seconds is not None and not 0 < seconds <= LONGEST_LESSON_S:
            raise InputError(
                what="lesson",
                got=f"{seconds} seconds",
                allowed=f"above 0, to {LONGEST_LESSON_S:.0f}",
                todo="choose another length",
            )
        if class_name == NONE and NONE not in self._engine.class_names:
            self.add_class(NONE)
        if class_name not in self._engine.class_names:
            known = ", ".join((*self._engine.class_names, NONE))
            raise InputError(
                what="target class",
                got=repr(class_name)[:80],
                allowed=known,
                todo="use one of these, or add the class first",
            )
        self.end_lesson()
        now_us = self._now_us[stream]
        from_us = max(from_us, now_us)
        self._number += 1
        self._lesson = lesson = Lesson(
            number=self._number,
            class_name=class_name,
            gesture_class=self._engine.class_names.index(class_name) + 1,
            from_us=from_us,
            until_us=from_us + round(1e6 * (LONGEST_HELD_LESSON_S if seconds is None else seconds)),
            version_before=self.versions.current,
            stream=stream,
            bits_us=from_us,
        )
        self._recognisers[stream].targets.set_by_hand(lesson.gesture_class, from_us)
        if from_us <= now_us:
            lesson.kept = self._keep()
        return lesson

    def end_lesson(self, at_us: int | None = None) -> None:
        """End the lesson that runs, now or when its stream comes to `at_us`."""
        lesson = self._lesson
        if lesson is None:
            self._leave_targets()
            return
        if at_us is not None and at_us > self._now_us[lesson.stream]:
            lesson.until_us = min(at_us, lesson.from_us + round(1e6 * LONGEST_LESSON_S))
            return
        if lesson.kept is not None and self._growth.is_too_large():
            self.recover()
            return
        self._close_lesson()
        if not lesson.frames:
            return
        self._given.append(lesson)
        self._lessons += 1
        while sum(one.kept.size_bytes for one in self._given if one.kept) > UNDO_BYTES:
            if len(self._given) == 1:
                break
            self._given.popleft()
        self._memory.add(cut_clips(lesson.class_name, lesson.bits_us, lesson.bits, lesson.number))
        lesson.bits = []
        version = self.make_version(f"lesson: {lesson.class_name}")
        self.rehearsal.begin()
        self._note(
            "lesson",
            number=lesson.number,
            begin_us=lesson.from_us,
            end_us=lesson.end_us,
            frames=lesson.frames,
            version=version.number,
            **{"class": lesson.gesture_class, "name": lesson.class_name},
        )

    def undo(self) -> Lesson:
        """Be what the network was before the lesson that runs, or the last one.

        Raises `InputError` where there is none to go back to.
        """
        lesson = self._lesson
        if lesson is not None:
            self._close_lesson()
        elif self._given:
            lesson = self._given.pop()
            self._lessons -= 1
        else:
            raise InputError(
                what="undo",
                got="no lesson to take back",
                allowed="after a lesson; not beyond a version that was loaded",
                todo="load an earlier version instead",
            )
        if lesson.kept is not None:
            self._teaching.go_back(lesson.kept)
            self._good = lesson.kept
        self._memory.forget_lesson(lesson.number)
        self.rehearsal.drop(lesson.number)
        self.versions.current = lesson.version_before
        return lesson

    def recover(self) -> None:
        """Weights are no longer finite, or far too large: be what the network was before the lesson
        that runs, which counts as not given; without one, what it was when the current version was
        made, loaded or gone back to.
        """
        lesson = self._lesson
        if lesson is not None and lesson.kept is not None:
            self.undo()
        else:
            lesson = None
            self.rehearsal.stop()
            # From memory: a version's file may have been removed, or never written.
            self._teaching.go_back(self._good)
        self._note(
            "spoilt",
            lesson=lesson.number if lesson else None,
            name=lesson.class_name if lesson else None,
            version=self.versions.current,
        )

    def add_class(self, name: object) -> int:
        """The number (from 1) of a class that is there from now on; raises `ModelError`."""
        checked = check_new_class(self._engine.class_names, name)
        self._teaching.add_class(checked)
        for recogniser in self._recognisers:
            recogniser.add_class()
        return len(self._engine.class_names)

    def load(self, which: object) -> Version:
        """Take over a version's weights, after the lesson that runs; raises `InputError`."""
        version = self.versions.find(which)
        self.end_lesson()
        stored = self.versions.read(version)
        self._teaching.load(stored)
        self._engine.version = stored.version
        self._given.clear()
        self._lessons = version.lessons
        self.versions.current = version.number
        self._growth.begin()
        self._good = self._teaching.keep()
        return version

    def make_version(self, reason: str, name: str | None = None) -> Version:
        """Keep what the network is now."""
        self._good = self._keep()
        return self.versions.add(
            self._good,
            self._engine.settings,
            self._engine.class_names,
            lessons=self._lessons,
            t_us=self._now_us[self._latest],
            reason=reason,
            name=name,
        )

    def settings(self) -> dict[str, Any]:
        """What can be changed while it runs."""
        return {"rate": self._rate} | self._recognisers[0].decision_settings()

    def change_settings(self, changes: dict[str, Any]) -> None:
        """Change some of `settings`; all or none. Raises `InputError`."""
        unknown = sorted(set(changes) - set(self.settings()))
        numbers = all(type(value) in (int, float) for value in changes.values())
        rate = changes.get("rate", self._rate)
        if unknown or not changes or not numbers or not 0 <= rate <= 1:
            raise InputError(
                what="settings",
                got=repr(changes)[:80],
                allowed=f"numbers for some of {', '.join(self.settings())}; rate from 0 to 1",
                todo="mend the request",
            )
        decisions = {name: value for name, value in changes.items() if name != "rate"}
        if decisions:
            for recogniser in self._recognisers:
                recogniser.change_decisions(decisions)
        self._rate = float(rate)
        self._teaching.set_rate(self._rate)

    def _keep(self) -> Kept:
        """What the network is now; not weights that are far too large, which nobody saw yet."""
        if self._growth.is_too_large():
            self.recover()
        return self._teaching.keep()

    def _close_lesson(self) -> None:
        self._lesson = None
        self._leave_targets()

    def _leave_targets(self) -> None:
        for recogniser, now_us in zip(self._recognisers, self._now_us, strict=True):
            recogniser.targets.set_by_hand(None, now_us)
