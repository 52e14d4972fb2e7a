"""Lanes: one CUDA stream per layer, so that layers overlap where nothing orders them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch

Mark = torch.cuda.Event | None
"""A point in a lane; None where there are no streams."""


class Lanes:
    """Streams that fork from the current one and join it again.

    A layer learns while the one above it computes its forward half. On a CPU everything runs in
    the order in which it is called, and marks are None.
    """

    def __init__(self, device: torch.device, count: int) -> None:
        self._streams: list[torch.cuda.Stream | None] = [None] * count
        if device.type == "cuda":
            cuda: Any = torch.cuda
            self._streams = [cuda.Stream(device) for _ in range(count)]

    @contextmanager
    def forked(self) -> Iterator[None]:
        """Lanes wait for what was queued before; what is queued after waits for all lanes."""
        streams = [stream for stream in self._streams if stream is not None]
        for stream in streams:
            stream.wait_stream(torch.cuda.current_stream())
        yield
        for stream in streams:
            torch.cuda.current_stream().wait_stream(stream)

    def within(self, lane: int) -> AbstractContextManager[object]:
        """What is called within is queued in `lane`."""
        return torch.cuda.stream(self._streams[lane])

    def mark(self, lane: int) -> Mark:
        """What was queued in `lane` so far."""
        stream = self._streams[lane]
        return None if stream is None else stream.record_event()

    def wait(self, lane: int, mark: Mark) -> None:
        """What is queued in `lane` from now on comes after `mark`."""
        stream = self._streams[lane]
        if stream is not None and mark is not None:
            stream.wait_event(mark)
