from pathlib import Path

import pytest

from pipeline.benchmarks.settings import BenchSettings
from pipeline.benchmarks.streams import STREAMS, measure


@pytest.mark.slow
@pytest.mark.timeout(300)  # many processes, half of them loading torch
def test_what_a_further_stream_costs_is_told(tiny_checkpoint: Path) -> None:
    """A row for each engine and number of streams, and a line for each engine."""
    (table,) = measure(BenchSettings(blocks=1, scale=0.02, checkpoint=tiny_checkpoint))
    assert [row.name for row in table.rows] == [
        f"{engine}, {streams}" for engine in ("events", "torch") for streams in STREAMS
    ]
    assert all(row.ratio and 0 < row.low <= row.median <= row.high for row in table.rows)
    for engine in ("events", "torch"):
        assert any(note.startswith(f"{engine}: a further stream adds") for note in table.notes)
