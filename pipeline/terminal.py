"""What a person at a terminal sees and presses during a replay: progress, pause, step."""

from __future__ import annotations

import os
import select
import sys
import termios
import time
import tty
from types import TracebackType
from typing import Any, Self

_REDRAW_S = 0.2


class Keys:
    """Single key presses from standard input, without echo; none where there is no terminal."""

    def __init__(self) -> None:
        self._descriptor: int | None = None
        self._before: list[Any] = []

    @staticmethod
    def available() -> bool:
        """Whether standard input is a terminal that this process may read."""
        try:
            descriptor = sys.stdin.fileno()
            # In the background, reading the terminal would stop the process.
            return os.isatty(descriptor) and os.tcgetpgrp(descriptor) == os.getpgrp()
        except (OSError, ValueError, AttributeError):
            return False

    def __enter__(self) -> Self:
        if self.available():
            self._descriptor = sys.stdin.fileno()
            self._before = termios.tcgetattr(self._descriptor)
            tty.setcbreak(self._descriptor)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._descriptor is not None:
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)
            self._descriptor = None

    def pressed(self) -> str:
        """Keys pressed since the last call."""
        if self._descriptor is None or not select.select([self._descriptor], [], [], 0)[0]:
            return ""
        return os.read(self._descriptor, 64).decode("utf-8", "replace")


class ProgressLine:
    """The last line of standard error, redrawn a few times a second where that is a terminal."""

    def __init__(self) -> None:
        self._on = sys.stderr.isatty()
        self._text = ""
        self._drawn = False
        self._next = 0.0

    def show(self, text: str, *, now: bool = False) -> None:
        """Set the line."""
        self._text = text
        if self._on and (now or time.monotonic() >= self._next):
            self._next = time.monotonic() + _REDRAW_S
            sys.stderr.write(f"\r\x1b[2K{text}")
            sys.stderr.flush()
            self._drawn = True

    def clear(self) -> None:
        """Take the line away, so that something else can be printed."""
        if self._drawn:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()
            self._drawn = False
            self._next = 0.0
