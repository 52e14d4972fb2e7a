"""Which frames are stepped and learnt from: as time allows, or as a session's log says it was."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

from pipeline.backlog import SKIP_LEARNING_NS, Backlog

Skipped = Literal["rehearsal", "learning", "frames"]
"""What a frame is spared; who is spared learning is spared rehearsal too."""
SKIP_REHEARSAL_NS = SKIP_LEARNING_NS // 2
"""So far behind, nothing is rehearsed, until `RESUME_REHEARSAL_NS`: what can wait waits first."""
RESUME_REHEARSAL_NS = SKIP_REHEARSAL_NS // 4
_LONGEST_RUN = 1000
"""A run of skipped frames is noted at least this often, should the process be killed."""


class Course(Protocol):
    """Counts frames, and says what becomes of each."""

    frame: int
    """Frames so far, those left out as well."""
    backlog: Backlog
    """How far it is behind, as far as that is looked at."""

    def next(self, sent_ns: int, ahead_ns: int, rehearses: bool, /) -> Skipped | None:
        """What the frame that comes is spared: rehearsal, learning, all (`frames`) or nothing.

        `sent_ns` is when the packet that closed it was sent; `ahead_ns` how much of the stream the
        same packet had before it; `rehearses`: whether clips wait.
        """


class LiveCourse:
    """Everything is done, or with `skip` what time allows."""

    def __init__(self, *, skip: bool, note: Callable[[Skipped, int, int], None]) -> None:
        """`note` is told of runs: what was left out, the first frame and how many."""
        self.frame = 0
        self.backlog = Backlog()
        self._skip = skip
        self._note = note
        self._run: tuple[Skipped, int] | None = None
        self._late = False

    def next(self, sent_ns: int, ahead_ns: int, rehearses: bool) -> Skipped | None:
        """See `Course.next`."""
        skipped: Skipped | None = None
        if self._skip:
            self.backlog.update(sent_ns, ahead_ns)
            behind_ns = self.backlog.behind_ns
            self._late = behind_ns > (RESUME_REHEARSAL_NS if self._late else SKIP_REHEARSAL_NS)
            if not self.backlog.may_step:
                skipped = "frames"
            elif not self.backlog.may_learn:
                skipped = "learning"
            elif self._late and rehearses:
                skipped = "rehearsal"
        run = self._run
        if run is not None and (skipped != run[0] or self.frame - run[1] >= _LONGEST_RUN):
            self.end_run()
        if skipped is not None and self._run is None:
            self._run = (skipped, self.frame)
        self.frame += 1
        return skipped

    def end_run(self) -> None:
        """Note what is still to be noted."""
        if self._run is not None:
            what, first = self._run
            self._run = None
            self._note(what, first, self.frame - first)


class LoggedCourse:
    """What a session's log has noted."""

    def __init__(self, entries: Sequence[dict[str, Any]]) -> None:
        """`entries` of the kind `skipped`."""
        self.frame = 0
        self.backlog = Backlog()
        self._runs = sorted((entry["frame"], entry["count"], entry["kind"]) for entry in entries)
        self._begins = [begin for begin, _, _ in self._runs]

    def next(self, _sent_ns: int, _ahead_ns: int, _rehearses: bool) -> Skipped | None:
        """What was left out then, whenever it is sent now."""
        found = bisect_right(self._begins, self.frame) - 1
        skipped: Skipped | None = None
        if found >= 0 and self.frame < self._runs[found][0] + self._runs[found][1]:
            skipped = self._runs[found][2]
        self.frame += 1
        return skipped

    def end_run(self) -> None:
        """Nothing is noted."""
