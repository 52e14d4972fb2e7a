"""The one vocabulary for events: dtype, packet, and what every source of events promises."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt

from drivers.errors import InputError

EVENT_DTYPE: np.dtype[np.void] = np.dtype([("t", "<u8"), ("x", "<u2"), ("y", "<u2"), ("on", "?")])
"""One event in 13 bytes: time in microseconds, column, row (0 at the top), brighter (ON)."""

Events = npt.NDArray[np.void]
"""A one-dimensional array of `EVENT_DTYPE`, `t` never decreasing."""


def empty_events() -> Events:
    """An array of no events."""
    return np.empty(0, dtype=EVENT_DTYPE)


@dataclass(frozen=True, slots=True)
class SensorSize:
    """Width and height of a sensor in pixels."""

    width: int
    height: int

    def __post_init__(self) -> None:
        if not (1 <= self.width <= 65536 and 1 <= self.height <= 65536):
            raise InputError(
                what="sensor size",
                got=f"{self.width}x{self.height}",
                allowed="1 to 65536 pixels each way",
                todo="check the recording's header or the camera's settings",
            )


@dataclass(frozen=True, slots=True)
class EventPacket:
    """A run of events and the span of time they fully cover.

    The packet vouches for the half-open span `[t_begin_us, t_end_us)`: every event of the
    source in that span is inside (or counted in `lost_before`). A packet without events is a
    watermark: silence until `t_end_us`.
    """

    events: Events
    """shape (n,), dtype EVENT_DTYPE, `t` never decreasing, all inside the span."""
    sensor: SensorSize
    source: str
    seq: int
    """0, 1, 2, ... without gaps for one run of one source."""
    t_begin_us: int
    t_end_us: int
    received_ns: int = 0
    """Host wall clock (`time.time_ns`) when the events came into this process."""
    lost_before: int = 0
    """Events known to have been lost between the previous packet and this one."""


@runtime_checkable
class EventSource(Protocol):
    """What a camera, a recording and the simulator have in common.

    Iterating gives packets in order of time, without gaps: each packet's `t_begin_us` is the
    previous packet's `t_end_us`. A source is a context manager; leaving it frees the device or
    file. Iterating may raise `drivers.errors.InputError`; whatever was read before that point
    has been given out first.

    A source may have more, which is used where it is there: `live` (it sets its own pace), `damage`
    and `left_out()` (at the end: what is missing, and what was not given out, in words), `health`.
    """

    name: str
    sensor: SensorSize

    def __iter__(self) -> Iterator[EventPacket]: ...

    def close(self) -> None:
        """Free the device or file; more than once does no harm."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
