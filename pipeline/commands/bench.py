"""The command that measures wigwag, and other packages beside it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipeline.benchmarks.names import BENCHMARKS
from pipeline.commands import options as o

ALL = "all"
What = StrEnum("What", [(name, name) for name in (*BENCHMARKS, ALL)])  # type: ignore[misc]  # made of the list


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(bench)


def bench(
    what: Annotated[What, typer.Argument(help="What to measure.")],
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Keep the figures here.")
    ] = None,
    threads: Annotated[int, typer.Option("--threads", help="Of everything that is compared.")] = 1,
    blocks: Annotated[int, typer.Option("--blocks", help="Turns that each of them gets.")] = 7,
    scale: Annotated[
        float, typer.Option("--scale", help="Size of a turn; below 1 for a trial run.")
    ] = 1.0,
    seconds: Annotated[
        float, typer.Option("--seconds", help="Length of what runs by the clock.")
    ] = 60.0,
    checkpoint: o.Checkpoint = None,
    recording: Annotated[
        Path | None, typer.Option("--recording", help="Input; the simulated sample if left out.")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option("--labels", help="Label file of that recording.")
    ] = None,
    peers: Annotated[
        Path | None,
        typer.Option("--peers", help="Python that has the packages compared with (`make peers`)."),
    ] = None,
) -> None:
    """Measure: what is compared takes turns in one run; medians, spread and ratios are printed."""
    import sys

    from rich.console import Console

    from pipeline.benchmarks.catalogue import run_benchmarks
    from pipeline.benchmarks.report import write_json
    from pipeline.benchmarks.settings import BenchSettings

    settings = BenchSettings(
        blocks=blocks,
        scale=scale,
        threads=threads,
        seconds=seconds,
        checkpoint=checkpoint,
        recording=recording,
        labels=labels,
        peers=peers,
    )
    names = BENCHMARKS if what.value == ALL else (what.value,)
    machine, findings = run_benchmarks(names, settings, Console(file=sys.stdout, highlight=False))
    if json_file is not None:
        write_json(json_file, machine, findings)
