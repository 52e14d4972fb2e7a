"""The command that does the experiments of the paper, and some more."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands import options as o
from pipeline.experiments.names import EXPERIMENTS, WITHOUT_EFFECT

Which = StrEnum("Which", [(name, name) for name in EXPERIMENTS])  # type: ignore[misc]  # made of the list


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(experiment)


def experiment(
    context: typer.Context,
    name: Annotated[Which, typer.Argument(help="Which experiment.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for its figures and numbers.")],
    minutes: Annotated[
        float | None,
        typer.Option("--minutes", min=0.0, help="Stop learning after so long, and test."),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option("--samples", help="Learn from so many; else from the usual number."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Its data; else looked for in $WIGWAG_DATA or ../shared/data."),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option("--checkpoint", help="Learn nothing: test what an earlier run saved."),
    ] = None,
    test: Annotated[
        Path | None,
        typer.Option("--test", help="What to test it on, of the same form as the data."),
    ] = None,
    peers: Annotated[
        Path | None,
        typer.Option("--peers", help="Python that has the packages compared with (`make peers`)."),
    ] = None,
    seed: o.Seed = 0,
    threads: o.Threads = 1,
) -> None:
    """Do an experiment: numbers as NAME.json and figures, in the folder --out."""
    import sys
    from importlib import import_module

    from pipeline.experiments.settings import ExperimentSettings

    o.refuse(
        context,
        WITHOUT_EFFECT[name.value],
        f"with the experiment {name.value}, to which it means nothing",
        "leave it out",
    )

    def say(line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    settings = ExperimentSettings(
        out=out,
        seed=seed,
        minutes=minutes,
        samples=samples,
        data=data,
        checkpoint=checkpoint,
        test=test,
        peers=peers,
        threads=threads,
    )
    import_module(EXPERIMENTS[name.value]).run(settings, say)
    say(f"{settings.out}: {', '.join(sorted(path.name for path in settings.out.iterdir()))}")
