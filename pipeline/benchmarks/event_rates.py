"""Tables of how many events a second each contender gets through."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.benchmarks.interleaving import interleave
from pipeline.benchmarks.rows import Table, compared_rows
from pipeline.benchmarks.settings import BenchSettings
from pipeline.benchmarks.worker_process import Workers


def event_rates(
    title: str, workers: Workers, settings: BenchSettings, *, references: Sequence[str], note: str
) -> Table:
    """Workers that answer nanoseconds an event take turns; ratios are to the first of
    `references` that could be started.
    """
    workers.wait_until_ready()
    blocks = interleave(workers.started, settings.blocks)
    reference = next((name for name in references if name in blocks), references[-1])
    return Table(
        title,
        compared_rows(
            workers.started,
            blocks,
            unit="M events/s",
            reference=reference,
            convert=lambda time_ns: 1e3 / time_ns,
            better="higher",
        ),
        reference,
        (note, *workers.notes),
        workers.versions,
    )
