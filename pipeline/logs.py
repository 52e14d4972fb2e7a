"""What a program says on standard error: lines for people, or JSON Lines for a log collector.

`--log-json` before the command, or `WIGWAG_LOG=json`, also of its child processes, makes every
line `{"time", "level", "stage", "pid", "text"}`. Whatever writes to `sys.stderr` comes here, so
no line is without its time; only what libraries in C print themselves does not.
"""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import threading
from datetime import UTC, datetime
from typing import Literal, TextIO, TypeAlias

from drivers.errors import InputError

LOG_VARIABLE = "WIGWAG_LOG"
PREFIX = "wigwag: "
Level: TypeAlias = Literal["info", "warning", "error"]
_MAX_LINE = 1 << 16


class JsonLines(io.TextIOBase):
    """Takes text as standard error does, and writes a JSON object for every line of it."""

    def __init__(self, stream: TextIO, stage: str) -> None:
        self._stream = stream
        self._stage = stage
        self._part = ""
        self._lock = threading.RLock()

    def write(self, text: str) -> int:
        """Write the lines that are complete now; the rest waits, unless it never ends."""
        with self._lock:
            *lines, self._part = (self._part + text).split("\n")
            if len(self._part) > _MAX_LINE:
                lines, self._part = [*lines, self._part], ""
            for line in lines:
                self.say(line, "info")
        return len(text)

    def say(self, line: str, level: Level) -> None:
        """Write one line."""
        text = line.rpartition("\r")[2].removeprefix(PREFIX).rstrip()
        if not text:
            return
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        entry = {"time": now, "level": level, "stage": self._stage, "pid": os.getpid()}
        self.pass_on(json.dumps(entry | {"text": text}) + "\n")

    def pass_on(self, line: str) -> None:
        """Write what a child of this process has made JSON already."""
        with self._lock:
            self._stream.write(line)
            self._stream.flush()

    def flush(self) -> None:
        """Nothing: a line goes out when it is complete."""

    def close(self) -> None:
        """Say what has no end of line; the stream itself stays open."""
        with self._lock:
            rest, self._part = self._part, ""
            self.say(rest, "info")

    def writable(self) -> bool:
        """It is."""
        return True

    def isatty(self) -> bool:
        """It is not, so nobody draws progress into it."""
        return False

    def fileno(self) -> int:
        """Of the stream below."""
        return self._stream.fileno()


class _Handler(logging.Handler):
    """Records of `logging`, with their level."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR:
            level: Level = "error"
        else:
            level = "warning" if record.levelno >= logging.WARNING else "info"
        for line in self.format(record).splitlines():
            say(line, level)


def begin(stage: str, *, as_json: bool | None = None) -> None:
    """Choose how this process speaks, by the environment unless told; before anything is said.

    Children inherit the choice. Raises `InputError` for a value of `WIGWAG_LOG` that is none.
    """
    chosen = os.environ.get(LOG_VARIABLE, "")
    if as_json:
        chosen = os.environ[LOG_VARIABLE] = "json"
    if chosen not in ("", "text", "json"):
        raise InputError(
            what=LOG_VARIABLE,
            got=repr(chosen[:80]),
            allowed="text or json",
            todo="unset it, or set it to one of these",
        )
    if chosen != "json" or isinstance(sys.stderr, JsonLines):
        return
    sys.stderr = JsonLines(sys.stderr, stage)
    logging.basicConfig(level=logging.INFO, handlers=[_Handler()], format="%(message)s")


def are_json() -> bool:
    """Whether what is said goes to a log collector."""
    return isinstance(sys.stderr, JsonLines)


def pass_on(line: str) -> None:
    """What a child process said on its standard error, as it came."""
    if isinstance(sys.stderr, JsonLines):
        sys.stderr.pass_on(line)
    else:
        sys.stderr.write(line)
        sys.stderr.flush()


def say(text: str, level: Level = "info") -> None:
    """One line on standard error."""
    if isinstance(sys.stderr, JsonLines):
        sys.stderr.say(text, level)
    else:
        sys.stderr.write(f"{PREFIX}{text}\n")
