"""Run by tests as a process: `run_source` with made-up events; prints what it gave out as JSON.

Its one argument is a JSON object: `packets`, `events` (per packet), `span_us` (of a packet) and
`settings` (of `SourceSettings`).
"""

import hashlib
import json
import sys
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import msgspec
import numpy as np

from drivers.events import EVENT_DTYPE, EventPacket, SensorSize
from pipeline.source import SourceSettings, run_source


class SyntheticSource:
    """Seeded events, made packet by packet, with a digest of all that was asked for."""

    def __init__(self, packets: int, events: int, span_us: int) -> None:
        self.name = "synthetic"
        self.sensor = SensorSize(128, 128)
        self.digest = hashlib.blake2b()
        self._packets, self._events, self._span_us = packets, events, span_us

    def __iter__(self) -> Iterator[EventPacket]:
        random = np.random.default_rng(1)
        for seq in range(self._packets):
            begin_us = seq * self._span_us
            events = np.zeros(self._events, dtype=EVENT_DTYPE)
            events["t"] = begin_us + np.arange(self._events) * self._span_us // (self._events or 1)
            events["x"] = random.integers(0, 128, self._events)
            events["y"] = random.integers(0, 128, self._events)
            events["on"] = random.integers(0, 2, self._events)
            self.digest.update(events.tobytes())
            yield EventPacket(events, self.sensor, "", seq, begin_us, begin_us + self._span_us)

    def close(self) -> None:
        """Nothing to close."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    source = SyntheticSource(asked["packets"], asked["events"], asked["span_us"])
    report = run_source(SourceSettings(**asked["settings"]), source)
    answer = {
        "ended": report.ended,
        "totals": msgspec.to_builtins(report.totals),
        "digest": source.digest.hexdigest(),
    }
    sys.stdout.write(json.dumps(answer) + "\n")
