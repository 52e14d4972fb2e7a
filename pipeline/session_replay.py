"""A session done again from its folder: requests at their frames, and what is otherwise then."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec

from drivers.errors import InputError
from drivers.events import EventPacket
from pipeline.chosen_views import read_view
from pipeline.course import LoggedCourse
from pipeline.session_folder import SessionFolder
from pipeline.session_log import read_session_log
from pipeline.wire import StreamTotals

_SHOWN = 3
"""Differences that are told, of all."""
_UNLIKE = ("latency_us", "gaps")
"""Of a label: taken from the clock, and how often stages were killed before this folder's part."""


class SessionReplay:
    """Gives a brain what the log has, frame by frame, and compares what it says."""

    def __init__(self, folder: SessionFolder) -> None:
        """Raises `InputError` for a log that cannot be read, or of a session of several streams."""
        log = read_session_log(folder.log)
        streams = log.of("stream")
        if len(streams) != 1:
            raise InputError(
                what=f"session {folder.path}",
                got=f"{len(streams)} streams",
                allowed="one",
                todo="replay the events of each with the label file targets.csv instead",
            )
        self.torn = log.torn
        self.course = LoggedCourse(log.of("skipped"))
        self.labels = 0
        self._folder = folder
        self._begin_us = int(streams[0]["t_us"])
        requests = log.of("request")
        self._requests = deque(entry for entry in requests if not _is_view(entry))
        views = folder.read_settings().get("views", [])
        views += [entry["request"]["view"] for entry in requests if _is_view(entry)]
        self.views = tuple(read_view(view) for view in views)
        """Parts of the sensor that were looked at in turn, however the stream comes in packets."""
        ends = log.of("end")
        self._end: dict[str, Any] | None = ends[-1] if ends else None
        self._said = self._read_labels()
        self._first = True
        self._differences: list[str] = []
        self._different = 0

    @property
    def complete(self) -> bool:
        """Whether the session came to its end; a killed one did not."""
        return self._end is not None

    @property
    def over(self) -> bool:
        """Whether all frames of the session have been."""
        return self._end is not None and self.course.frame >= self._end["frame"]

    def place(self, packet: EventPacket) -> EventPacket:
        """The packet, the first one with the begin that its stream had."""
        if not self._first:
            return packet
        self._first = False
        return replace(packet, t_begin_us=min(packet.t_begin_us, self._begin_us))

    def end(self, totals: StreamTotals) -> StreamTotals:
        """The stream's totals, with the end that it had."""
        if self._end is None:
            return totals
        t_end_us = max(totals.t_end_us, self._end["t_us"])
        return msgspec.structs.replace(totals, t_end_us=t_end_us)

    def ask_due(self, handle: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Make the requests that came before the next frame."""
        while self._requests and self._requests[0]["frame"] <= self.course.frame:
            entry = self._requests.popleft()
            try:
                answer = handle(entry["request"])
            except ValueError as error:
                answer = {"error": str(error)}
            if answer != entry["answer"]:
                asked = entry["request"].get("command")
                self._differ(f"answer to {asked!r} at frame {entry['frame']}")

    def label(self, line: bytes) -> None:
        """Compare a label with the one that was said then."""
        said = self._said[self.labels] if self.labels < len(self._said) else None
        self.labels += 1
        if said is None:
            if self.complete:
                self._differ(f"label {self.labels}, which was none")
        elif _timeless(line) != _timeless(said):
            self._differ(f"label {self.labels}")

    def check(self, frames: str, weights: str) -> str:
        """What to tell of a replay that is over, with its digests of frames and weights.

        Raises `InputError` where something came out otherwise.
        """
        if self._end is not None:
            if frames != self._end["frames"]:
                self._differ("frames")
            if weights != self._end["weights"]:
                self._differ("weights at the end")
            if self.labels < len(self._said):
                self._differ(f"{len(self._said) - self.labels} labels, which did not come")
        if self._different:
            raise InputError(
                what=f"replay of session {self._folder.path}",
                got=f"{self._different} differences: {', '.join(self._differences)}"
                + ("" if self.complete else "; its log has no end"),
                allowed="none on the machine, and with the wigwag, that recorded it",
                todo="check that its files are unchanged and that the recording lost nothing",
            )
        labels = min(self.labels, len(self._said))
        text = f"session {self._folder.path}: {labels} labels "
        if self.complete:
            return text + f"and weights {weights} as then"
        text += "as then; its log has no end, so weights were not compared"
        if labels < len(self._said):
            more = len(self._said) - labels
            text += f"; {more} more were said, of events that were not kept"
        return text + ("; the last line of its log was torn" if self.torn else "")

    def _read_labels(self) -> list[bytes]:
        if not self._folder.labels.is_file():
            return []
        *whole, _ = self._folder.labels.read_bytes().split(b"\n")
        return whole

    def _differ(self, what: str) -> None:
        self._different += 1
        if len(self._differences) < _SHOWN:
            self._differences.append(what)


def _is_view(entry: dict[str, Any]) -> bool:
    return bool(entry["request"]["command"] == "view")


def _timeless(line: bytes) -> dict[str, Any]:
    label = msgspec.json.decode(line, type=dict[str, Any])
    return {name: value for name, value in label.items() if name not in _UNLIKE}
