import os
from pathlib import Path

import pytest

from pipeline.benchmarks.memory import Sample, measure, memory_rows, slope_per_hour, take_sample
from pipeline.benchmarks.settings import BenchSettings


def test_a_process_that_grows_has_its_slope() -> None:
    """One kilobyte a second is 3.6 MB an hour, whatever happened in the first half."""
    grown = [Sample(float(t), 10**9 if t < 10 else 10**6 + 1000 * t, 0) for t in range(20)]
    assert slope_per_hour(grown) == pytest.approx(3.6e6)
    assert slope_per_hour(grown[:2]) is None
    rss, pss = memory_rows("brain", grown)
    assert "largest 1000, slope +3.6 MB an hour" in rss.what
    assert (rss.unit, rss.runs, pss.median) == ("MB", 20, 0)


def test_a_sample_is_what_the_system_says() -> None:
    """A process keeps at least what a fresh megabyte array needs."""
    kept = bytearray(os.urandom(1 << 20) * 32)
    sample = take_sample(os.getpid(), 0.0)
    assert sample.rss > len(kept)
    assert 0 < sample.pss <= sample.rss


@pytest.mark.slow
def test_source_and_brain_are_watched_while_they_run(tiny_checkpoint: Path) -> None:
    """Two seconds give several samples of each process, of the simulated sample."""
    (table,) = measure(BenchSettings(seconds=1.0, checkpoint=tiny_checkpoint))
    names = ["source RSS", "source PSS", "brain RSS", "brain PSS"]
    assert [row.name for row in table.rows] == names
    assert all(row.runs >= 3 and 10 < row.median < 5000 for row in table.rows)
    assert "simulated" in table.notes[0]
