"""`wigwag bench bus`: messages from one process to another, beside bare pyzmq."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack

from drivers.events import EVENT_DTYPE
from pipeline.benchmarks.interleaving import interleave
from pipeline.benchmarks.rows import Table, compared_rows
from pipeline.benchmarks.settings import BenchSettings
from pipeline.benchmarks.worker_process import Workers

SIZES = ((100, 20_000), (1_000, 10_000), (16_384, 2_000), (65_536, 500))
"""Events of a message, and messages of a block."""
BARE = "pyzmq"
_WORKER = (sys.executable, "-P", "-m", "pipeline.benchmarks.bus_receiver")


def measure(settings: BenchSettings) -> Iterator[Table]:
    """A table for each size of message."""
    for events, messages in SIZES:
        with ExitStack() as stack:
            workers = Workers(stack, peers=settings.peers, threads=settings.threads)
            options = {"events": events, "messages": settings.size(messages) + 1}
            for name, way, what in (
                (BARE, "bare", "XPUB with XPUB_NODROP, three parts, nothing copied"),
                ("bus", "bus", "the same message through EventPublisher, EventSubscriber"),
                ("packets", "packets", "and each one encoded, decoded and checked"),
            ):
                workers.add(name, what, _WORKER, {**options, "way": way})
            workers.wait_until_ready()
            blocks = interleave(workers.started, settings.blocks)
            yield Table(
                f"{events:,} events, {events * EVENT_DTYPE.itemsize / 1024:,.0f} KiB a message, "
                "process to process over ipc",
                compared_rows(
                    workers.started,
                    blocks,
                    unit="us",
                    reference=BARE,
                    convert=lambda time_ns: time_ns / 1e3,
                ),
                BARE,
                tuple(workers.notes),
                workers.versions,
            )
