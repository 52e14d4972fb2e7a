import msgspec
import pytest

from pipeline.telemetry import StageSnapshot, StageTelemetry


def test_snapshot_tells_totals_and_the_interval() -> None:
    """Totals go on from snapshot to snapshot; rates and latencies begin anew."""
    telemetry = StageTelemetry("source")
    for latency_ms in range(1, 101):
        telemetry.add(10, latency_ms * 1_000_000)
    telemetry.lost = 3
    first = telemetry.snapshot()
    assert (first.stage, first.events, first.packets, first.lost) == ("source", 1000, 100, 3)
    assert first.events_per_s == pytest.approx(10 * first.packets_per_s)
    assert first.latency_p50_ms == pytest.approx(50, rel=0.025)
    assert first.latency_p99_ms == pytest.approx(99, rel=0.025)
    assert first.latency_max_ms == 100
    second = telemetry.snapshot()
    assert (second.events, second.packets) == (1000, 100)
    assert (second.events_per_s, second.latency_p50_ms) == (0, None)
    assert second.uptime_s >= first.uptime_s


def test_snapshot_is_due_when_its_time_has_passed() -> None:
    """The interval counts from the snapshot before."""
    telemetry = StageTelemetry("source")
    assert telemetry.snapshot_is_due(every_s=0)
    assert not telemetry.snapshot_is_due(every_s=3600)


def test_clock_that_was_set_back_is_no_latency() -> None:
    """A wall clock that jumps must not break the histogram."""
    telemetry = StageTelemetry("source")
    telemetry.add(1, -5)
    assert telemetry.snapshot().latency_max_ms == 0


def test_snapshot_travels_as_json() -> None:
    """A watcher reads it back as it was."""
    snapshot = StageTelemetry("source").snapshot()
    assert msgspec.json.decode(msgspec.json.encode(snapshot), type=StageSnapshot) == snapshot
