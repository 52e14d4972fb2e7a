import os
from itertools import islice
from pathlib import Path

import pytest

from pipeline.benchmarks.latency import measure, onsets_ms
from pipeline.benchmarks.settings import BenchSettings
from pipeline.labels import Label
from recordings.labels import GestureInterval


def _label(t_us: int, gesture_class: int) -> Label:
    return Label(
        t_us=t_us,
        source="test",
        label="",
        gesture_class=gesture_class,
        confidence=1.0,
        counts=(),
        window_us=500_000,
        model_version="",
        latency_us=2_000,
        changed=True,
    )


def test_onset_is_the_first_right_label_of_a_gesture() -> None:
    """Wrong labels, labels after its end and gestures without any do not count."""
    gestures = [
        GestureInterval(1_000_000, 2_000_000, 3),
        GestureInterval(3_000_000, 4_000_000, 5),
        GestureInterval(5_000_000, 6_000_000, 7),
    ]
    labels = [
        _label(1_100_000, 5),
        _label(1_300_000, 3),
        _label(1_400_000, 3),
        _label(3_250_000, 5),
        _label(6_100_000, 7),
    ]
    assert onsets_ms(labels, gestures) == [302.0, 252.0]


@pytest.mark.slow
def test_latency_is_measured_on_running_stages(tiny_checkpoint: Path) -> None:
    """Two modes with quantiles in order, and nothing lost unsaid."""
    tables = measure(BenchSettings(seconds=1.5, blocks=1, checkpoint=tiny_checkpoint))
    inferring, learning, machine = islice(tables, 3)
    for table in (inferring, learning):
        quantiles = [row.median for row in table.rows if row.name.startswith("bin to label")]
        assert len(quantiles) == 4
        assert quantiles == sorted(quantiles)
        assert "labels" in table.notes[2]
        assert "watcher" in table.notes[2]
    assert "updates 0" in inferring.notes[1]
    assert "updates 0" not in learning.notes[1]
    assert [row.name for row in machine.rows] == ["stalls", "stalled", "largest stall"]
    assert all(row.runs == len(os.sched_getaffinity(0)) for row in machine.rows)
