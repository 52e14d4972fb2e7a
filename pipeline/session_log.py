"""The log of a session: what was asked of the brain, and what came of it, as JSON Lines.

A line is `{"n", "what", "frame", "t_us", "at", ...}`: `frame` counts the frames before it, `t_us`
is the stream's time, `at` the clock's. Lines are written at once, whole, and synced by a thread:
what was said is kept when the process is killed, and soon when the power fails.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from drivers.closing import Closing
from drivers.errors import InputError, in_words
from pipeline.atomic_file import append_whole
from pipeline.background import BackgroundWriter


class SessionLog(Closing):
    """Appends lines; may be used by several threads."""

    def __init__(self, path: Path, writer: BackgroundWriter) -> None:
        """Begin a log; raises `InputError` where the file is there or cannot be made."""
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o666)
        except OSError as error:
            raise InputError(
                what=f"session log {path}",
                got=in_words(error),
                allowed="a new file in a folder that can be written",
                todo="choose a new folder for every session",
            ) from error
        self._path = path
        self._writer = writer
        self._lock = threading.Lock()
        self._lines = 0

    def write(self, what: str, frame: int, t_us: int, **fields: Any) -> None:
        """Append a line; raises `InputError` where the disk is full."""
        with self._lock:
            entry = {"n": self._lines, "what": what, "frame": frame, "t_us": t_us}
            entry["at"] = datetime.now(UTC).isoformat(timespec="milliseconds")
            append_whole(self._file, msgspec.json.encode(entry | fields) + b"\n", self._path)
            self._lines += 1
        self._writer.do(self._sync)

    def close(self) -> None:
        """Sync and close; the writer must have done its tasks."""
        self._sync()
        os.close(self._file)

    def _sync(self) -> None:
        os.fsync(self._file)


@dataclass(frozen=True, slots=True)
class LogRead:
    """What stands in a log."""

    entries: tuple[dict[str, Any], ...]
    torn: bool
    """Whether the last line is not whole, as when power failed; it is left out."""

    def of(self, what: str) -> list[dict[str, Any]]:
        """The entries of one kind."""
        return [entry for entry in self.entries if entry["what"] == what]


def read_session_log(path: Path) -> LogRead:
    """Read a log; raises `InputError` for a missing one and one damaged before its last line."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise InputError(
            what=f"session log {path}",
            got=in_words(error),
            allowed="the log of a session",
            todo="name the folder that `wigwag adapt --session` was given",
        ) from error
    rest = lines.pop()
    entries: list[dict[str, Any]] = []
    torn = bool(rest)
    for number, line in enumerate(lines, start=1):
        entry = _entry(line)
        if entry is not None and entry["n"] == len(entries):
            entries.append(entry)
        elif number == len(lines) and not rest:
            torn = True
        else:
            raise InputError(
                what=f"session log {path}, line {number}",
                got=repr(line[:60].decode("utf-8", "replace")),
                allowed=f"entry {len(entries)} as JSON",
                todo="take the log from a backup",
            )
    return LogRead(tuple(entries), torn)


def _entry(line: bytes) -> dict[str, Any] | None:
    try:
        entry = msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    known = all(type(entry.get(name)) is int for name in ("n", "frame", "t_us"))
    return entry if known and isinstance(entry.get("what"), str) else None
