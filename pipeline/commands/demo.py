"""The command that shows what wigwag does, on bundled recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands import options as o


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(demo)


def demo(
    speed: o.Speed = "1",
    summary: Annotated[
        Path | None, typer.Option("--summary", help="Keep what was found here, as JSON.")
    ] = None,
) -> None:
    """Recognise a bundled recording, then learn a newcomer's gestures; everybody is simulated."""
    from pipeline.demo import run_demo
    from recordings.outputs import check_outputs, check_parent

    if summary is not None:
        check_outputs({"--summary": summary}, [])
        check_parent("--summary", summary)
    o.parse_speed(speed)
    raise typer.Exit(run_demo(speed=speed, summary=summary))
