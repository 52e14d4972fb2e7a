"""How a stage is doing: its rate, backlog, losses and latencies, about once a second."""

from __future__ import annotations

import time

import msgspec

from pipeline.latencies import Latencies


class StageSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A stage's telemetry; rates and latencies are those since the snapshot before."""

    stage: str
    uptime_s: float
    events: int
    """Since the start."""
    packets: int
    """Since the start."""
    events_per_s: float
    packets_per_s: float
    backlog_ms: float
    """How far the stage is behind its schedule."""
    lost: int
    """Events since the start."""
    removed_hot: int = 0
    """Events of hot pixels left out since the start; `events` are those after the filters."""
    removed_noise: int = 0
    """Events of background activity left out since the start."""
    losses_of_unknown_size: int = 0
    """Times at which a camera lost events without saying how many."""
    times_away: int = 0
    """Times at which a camera went away while it ran."""
    latency_p50_ms: float | None
    """Time that a packet spent in the stage; None where there was no packet."""
    latency_p99_ms: float | None
    latency_max_ms: float | None


class StageTelemetry:
    """Counts what goes through a stage, for use by one thread.

    Quantiles of latencies come from a histogram of fixed size, right to within 2.2 %.
    """

    def __init__(self, stage: str) -> None:
        self.stage = stage
        self.events = 0
        self.packets = 0
        self.lost = 0
        self.removed_hot = 0
        self.removed_noise = 0
        self.losses_of_unknown_size = 0
        self.times_away = 0
        self.backlog_ns = 0
        self._latencies = Latencies()
        self._begin_ns = self._before_ns = time.monotonic_ns()
        self._events_before = 0
        self._packets_before = 0

    def add(self, events: int, latency_ns: int) -> None:
        """Count a packet of `events` that spent `latency_ns` in this stage."""
        self.events += events
        self.packets += 1
        self._latencies.add(max(0, latency_ns))

    def snapshot_is_due(self, every_s: float = 1.0) -> bool:
        """Whether the snapshot before is `every_s` old."""
        return time.monotonic_ns() - self._before_ns >= every_s * 1e9

    def snapshot(self) -> StageSnapshot:
        """How the stage did since the snapshot before; begins a new interval."""
        now_ns = time.monotonic_ns()
        interval_s = max(1e-9, (now_ns - self._before_ns) / 1e9)
        snapshot = StageSnapshot(
            stage=self.stage,
            uptime_s=(now_ns - self._begin_ns) / 1e9,
            events=self.events,
            packets=self.packets,
            events_per_s=(self.events - self._events_before) / interval_s,
            packets_per_s=(self.packets - self._packets_before) / interval_s,
            backlog_ms=self.backlog_ns / 1e6,
            lost=self.lost,
            removed_hot=self.removed_hot,
            removed_noise=self.removed_noise,
            losses_of_unknown_size=self.losses_of_unknown_size,
            times_away=self.times_away,
            latency_p50_ms=self._latencies.quantile_ms(0.5),
            latency_p99_ms=self._latencies.quantile_ms(0.99),
            latency_max_ms=self._latencies.quantile_ms(1.0),
        )
        self._latencies = Latencies()
        self._before_ns = now_ns
        self._events_before, self._packets_before = self.events, self.packets
        return snapshot
