"""A signal that asks a long computation to end at its next good moment."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any, Self

SIGNALS = (signal.SIGINT, signal.SIGTERM)
TOGETHER_S = 1.0


class StopRequest:
    """While entered, the first SIGINT or SIGTERM is remembered, a later one interrupts at once.

    One within `TOGETHER_S` of the first is the same wish: torchrun passes on to its processes what
    the terminal has sent them already. Outside the main thread nothing is changed, and nobody is
    heard.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        """Number of the signal that was heard."""
        self._heard_s = 0.0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._hear) for number in SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        if self.signal is None:
            self.signal, self._heard_s = number, time.monotonic()
        elif time.monotonic() - self._heard_s > TOGETHER_S:
            raise KeyboardInterrupt
