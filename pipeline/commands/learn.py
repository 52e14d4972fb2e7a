"""Commands about what is learnt from sets of gestures: evaluate, train."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from pipeline.commands import options as o

if TYPE_CHECKING:
    from pipeline.evaluation import Evaluation
    from pipeline.training import TrainingProgress

Folder = Annotated[Path, typer.Argument(help="A folder in the DvsGesture layout.")]

Users = Annotated[
    str | None, typer.Option("--users", help="Only these, such as 1-19; others can then judge.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command()(evaluate)
    app.command()(train)


def evaluate(
    checkpoint: Annotated[Path, typer.Argument(help="The weights to judge.")],
    folder: Folder,
    split: Annotated[
        o.Split, typer.Option("--split", help="Which part of the set.")
    ] = o.Split.test,
    users: Users = None,
    device: o.DeviceOption = o.Device.auto,
    threads: o.Threads = 1,
    as_json: o.AsJson = False,
) -> None:
    """Judge a checkpoint by the paper's protocol: first 1,800 ms, votes from 50 ms on."""
    import msgspec

    from pipeline.evaluation import evaluate_checkpoint
    from recordings.user_range import parse_user_range

    part: Literal["train", "test"] = "train" if split is o.Split.train else "test"
    found = evaluate_checkpoint(
        checkpoint,
        folder,
        split=part,
        users=parse_user_range(users) if users else None,
        device=device.value,
        threads=threads,
        progress=lambda done, total: _progress(f"{done} of {total} gestures"),
    )
    _progress("")
    if as_json:
        values = {"accuracy": found.accuracy} | msgspec.to_builtins(found)
        sys.stdout.write(msgspec.json.encode(values).decode() + "\n")
    else:
        sys.stdout.write(_evaluation_text(found))


def train(
    folder: Folder,
    out: Annotated[Path, typer.Argument(help="The checkpoint to write.")],
    preset: Annotated[
        str, typer.Option("--preset", help="Shape and rule: small, full or paper.")
    ] = ("small"),
    minibatches: Annotated[int, typer.Option("--minibatches", min=1)] = 1200,
    learn_every_ms: Annotated[
        int, typer.Option("--learn-every-ms", min=1, help="A learning step every so many ms.")
    ] = 7,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Sequences in a minibatch.")] = 32,
    crop_ms: Annotated[
        int, typer.Option("--crop-ms", min=1, help="Length of a sequence, cut out at random.")
    ] = 400,
    engine: Annotated[
        o.TrainingEngine,
        typer.Option(
            "--engine",
            help="auto: all sequences at once. events: one by one where spikes are, on one CPU "
            "core; faster for the preset full. graph: on a CUDA device, not measured yet.",
        ),
    ] = o.TrainingEngine.auto,
    users: Users = None,
    start_from: Annotated[
        Path | None, typer.Option("--start-from", help="A checkpoint to go on from.")
    ] = None,
    rate: o.Rate = None,
    seed: o.Seed = 0,
    device: o.DeviceOption = o.Device.auto,
    threads: o.Threads = 1,
) -> None:
    """Train a checkpoint on the set's training users."""
    from pipeline.crops import CropSettings
    from pipeline.training import TrainingSettings
    from pipeline.training import train as run_training
    from recordings.user_range import parse_user_range

    def show(progress: TrainingProgress) -> None:
        result = progress.result
        _progress(
            f"minibatch {progress.minibatch} of {progress.minibatches}, "
            f"accuracy {_shares(result.accuracy)}, firing {_shares(result.firing_rate)}, "
            f"{progress.left_s / 60:.0f} minutes left",
            keep=progress.minibatch % 50 == 0,
        )

    version = run_training(
        folder,
        out,
        TrainingSettings(
            preset=preset,
            minibatches=minibatches,
            learn_every_ms=learn_every_ms,
            engine=engine.value,
            crops=CropSettings(batch=batch, steps=crop_ms),
            seed=seed,
        ),
        users=parse_user_range(users) if users else None,
        start_from=start_from,
        rate=rate,
        device=device.value,
        threads=threads,
        reading=lambda done, total: _progress(f"read {done} of {total} recordings"),
        progress=show,
    )
    _progress("")
    sys.stdout.write(f"{out}: version {version}\n")


def _progress(text: str, *, keep: bool = False) -> None:
    """One line that is redrawn at a terminal; elsewhere only lines worth keeping."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[2K{text}" + ("\n" if keep else ""))
        sys.stderr.flush()
    elif keep:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def _shares(values: tuple[float, ...]) -> str:
    return "/".join(f"{value:.1%}" for value in values)


def _evaluation_text(found: Evaluation) -> str:
    lines = [
        f"checkpoint {found.model_version}, {found.trials} gestures of users "
        + ", ".join(map(str, found.users)),
        f"right, top layer: {found.accuracy:.1%}",
        f"right by layer, from the lowest: {_shares(found.layer_accuracy)}",
    ]
    if found.trials_shorter_than_protocol:
        lines.append(f"shorter than 1,800 ms: {found.trials_shorter_than_protocol}")
    for what, shares in (("user", found.accuracy_by_user), ("light", found.accuracy_by_light)):
        listed = ", ".join(f"{name} {share:.1%}" for name, share in shares.items())
        lines.append(f"right by {what}: {listed}")
    lines.append("confusion (row: performed, column: recognised):")
    width = max(map(len, found.class_names)) + 4
    columns = range(1, len(found.class_names) + 1)
    lines.append(" " * width + "".join(f"{number:4d}" for number in columns))
    for number, (name, row) in enumerate(
        zip(found.class_names, found.confusion, strict=True), start=1
    ):
        cells = "".join(f"{count or '.':>4}" for count in row)
        lines.append(f"{number:2d} {name:<{width - 3}}{cells}")
    return "\n".join(lines) + "\n"
