"""Commands about what is learnt from sets of gestures: evaluate, train."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from drivers.errors import InputError
from models.checks import MOST_SEED
from models.learning_settings import BURN_IN_MS, LONGEST_CROP_MS
from pipeline.commands import options as o

if TYPE_CHECKING:
    from pipeline.datasets import Dataset, Reading
    from pipeline.evaluation import Evaluation
    from pipeline.training_progress import ProgressSink, TrainingProgress

DatasetName = Annotated[
    str,
    typer.Argument(
        metavar="DATASET",
        help="A folder in the DvsGesture layout, tonic:NAME, or real data of other kinds: "
        "mnist:FOLDER, nmnist:FILE, objects:FOLDER; without a place, looked for in $WIGWAG_DATA.",
    ),
]

Cache = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        envvar="WIGWAG_CACHE",
        help="Folder for recordings that were cut; wigwag in the user's cache if left out.",
    ),
]
Workers = Annotated[
    int,
    typer.Option("--workers", min=0, help="Processes that read and cut; 0: none but this one."),
]
Users = Annotated[
    str | None, typer.Option("--users", help="Only these, such as 1-19; others can then judge.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command()(evaluate)
    app.command()(train)


def evaluate(
    checkpoint: Annotated[Path, typer.Argument(help="The weights to judge.")],
    dataset: DatasetName,
    split: Annotated[
        o.Split, typer.Option("--split", help="Which part of the set.")
    ] = o.Split.test,
    users: Users = None,
    device: o.DeviceOption = o.Device.auto,
    threads: o.Threads = 1,
    cache: Cache = None,
    workers: Workers = 1,
    as_json: o.AsJson = False,
) -> None:
    """Judge a checkpoint by the paper's protocol: first 1,800 ms, votes from 50 ms on."""
    import msgspec

    from pipeline.evaluation import evaluate_checkpoint
    from recordings.user_range import parse_user_range

    part: Literal["train", "test"] = "train" if split is o.Split.train else "test"
    opened = _open(dataset, cache, workers)
    found = evaluate_checkpoint(
        checkpoint,
        opened,
        split=part,
        users=parse_user_range(users) if users else None,
        device=device.value,
        threads=threads,
        reading=_show_reading(opened),
        progress=lambda done, total: _progress(f"{done} of {total} gestures"),
    )
    _progress("")
    if as_json:
        values = {"accuracy": found.accuracy} | msgspec.to_builtins(found)
        sys.stdout.write(msgspec.json.encode(values).decode() + "\n")
    else:
        sys.stdout.write(_evaluation_text(found))


def train(
    context: typer.Context,
    dataset: DatasetName,
    run: Annotated[
        Path | None,
        typer.Option("--run", help="Folder of the run; runs/DATASET-PRESET-SEED if left out."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a run that was stopped; settings are its.")
    ] = False,
    settings: Annotated[
        Path | None, typer.Option("--settings", help="A TOML file; see docs/training.md.")
    ] = None,
    change: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="Any setting, such as crops.shift_cells=2."
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option("--preset", help="Shape and rule: small (usual), best, full, paper, decolle."),
    ] = None,
    minibatches: Annotated[
        int | None, typer.Option("--minibatches", min=1, help="Usually 1200.")
    ] = None,
    learn_every_ms: Annotated[
        int | None,
        typer.Option(
            "--learn-every-ms", min=1, help="A learning step every so many ms, usually 7."
        ),
    ] = None,
    batch: Annotated[
        int | None, typer.Option("--batch", min=1, help="Sequences in a minibatch, usually 32.")
    ] = None,
    crop_ms: Annotated[
        int | None,
        typer.Option(
            "--crop-ms",
            min=BURN_IN_MS + 1,
            max=LONGEST_CROP_MS,
            help="Length of a sequence, cut out at random; usually 400.",
        ),
    ] = None,
    engine: Annotated[
        o.TrainingEngine | None,
        typer.Option(
            "--engine",
            help="auto: all sequences at once. events: one by one where spikes are, on one CPU "
            "core; faster for the preset full. graph: on a CUDA device, not measured yet.",
        ),
    ] = None,
    users: Users = None,
    start_from: Annotated[
        Path | None, typer.Option("--start-from", help="A checkpoint to go on from.")
    ] = None,
    rate: o.Rate = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", min=0, max=MOST_SEED, help="Of everything random, usually 0."),
    ] = None,
    device: o.DeviceOption = o.Device.auto,
    threads: o.Threads = 1,
    cache: Cache = None,
    workers: Workers = 1,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write the log for TensorBoard too.")
    ] = False,
) -> None:
    """Train a checkpoint on a set's training users; Ctrl-C stops, --resume goes on."""
    from models.checkpoint_file import read_checkpoint
    from models.replicas import join_replicas, leave_replicas
    from models.torch_engine import choose_device
    from pipeline.firing_notice import FiringNotice
    from pipeline.run_folder import RunFolder
    from pipeline.settings_file import parse_setting, read_settings
    from pipeline.training import resume as resume_training
    from pipeline.training import train as run_training
    from pipeline.training_settings import training_settings
    from recordings.user_range import parse_user_range

    replicas = join_replicas(choose_device(device.value))
    sinks: list[ProgressSink] = [ProgressPrinter(), FiringNotice(_notice)]
    if resume:
        o.refuse(context, _SETTING_OPTIONS, "with --resume", "leave it out: the run has its own")
        if run is None:
            raise InputError(
                what="--resume",
                got="no --run",
                allowed="the folder of the run to go on with",
                todo="name it with --run",
            )
        folder = RunFolder(run)
        opened = _open(dataset, cache, workers)
        outcome = resume_training(
            opened,
            folder,
            device=device.value,
            threads=threads,
            workers=workers,
            tensorboard=tensorboard,
            replicas=replicas,
            reading=_show_reading(opened) if replicas.leads else None,
            sinks=sinks,
        )
    else:
        named = {
            "preset": preset,
            "minibatches": minibatches,
            "learn_every_ms": learn_every_ms,
            "engine": engine and engine.value,
            "seed": seed,
            "crops": {"batch": batch, "steps": crop_ms},
            "learning": {"rate": rate},
        }
        given = [read_settings(settings)] if settings else []
        given += [*map(parse_setting, change or []), named]
        opened = _open(dataset, cache, workers)
        begun = read_checkpoint(start_from).settings if start_from else None
        chosen = training_settings(*given, class_names=opened.class_names, begun=begun)
        name = f"{Path(dataset).name.replace(':', '-')}-{chosen.preset}-{chosen.seed}"
        folder = RunFolder(run or Path("runs") / name)
        folder.check_inputs([settings, start_from])
        outcome = run_training(
            opened,
            folder,
            chosen,
            users=parse_user_range(users) if users else None,
            start_from=start_from,
            device=device.value,
            threads=threads,
            workers=workers,
            tensorboard=tensorboard,
            replicas=replicas,
            reading=_show_reading(opened) if replicas.leads else None,
            sinks=sinks,
        )
    leave_replicas(replicas)
    if not replicas.leads:
        raise typer.Exit(128 + outcome.stopped_by if outcome.stopped_by else 0)
    _progress("")
    waited = f"{outcome.waiting_share:.1%} of the time spent waiting for data"
    sys.stdout.write(f"{folder.checkpoint}: version {outcome.version}; {waited}\n")
    if outcome.stopped_by is not None:
        sys.stderr.write(
            f"wigwag: stopped after {outcome.minibatches_done} minibatches; go on with "
            f"`{folder.how_to_go_on(dataset)}`\n"
        )
        raise typer.Exit(128 + outcome.stopped_by)


def _open(name: str, folder: Path | None, processes: int) -> Dataset:
    from pipeline.datasets import open_dataset
    from pipeline.trials import TrialCache

    if folder is None:
        user = os.environ.get("XDG_CACHE_HOME", "")
        folder = (Path(user) if user else Path.home() / ".cache") / "wigwag" / "trials"
    return open_dataset(name, TrialCache(folder, processes))


def _show_reading(dataset: Dataset) -> Reading:
    """Says what was found in the data set, then how far reading is."""
    said = False

    def show(done: int, total: int) -> None:
        nonlocal said
        if not said:
            sys.stderr.writelines(f"{dataset.name}: {line}\n" for line in dataset.found)
            said = True
        _progress(f"read {done} of {total} recordings")

    return show


_SETTING_OPTIONS = (
    "settings",
    "change",
    "preset",
    "minibatches",
    "learn_every_ms",
    "batch",
    "crop_ms",
    "engine",
    "users",
    "start_from",
    "rate",
    "seed",
)


SAY_EVERY_S = 60.0


class ProgressPrinter:
    """Progress of a training run on standard error."""

    def __init__(self) -> None:
        self._due_s = 0.0

    def add(self, progress: TrainingProgress) -> None:
        """See `ProgressSink.add`."""
        result = progress.result
        # Kept wherever nothing is redrawn: minibatches may take seconds, and fifty of them hours.
        due = progress.elapsed_s >= self._due_s and not sys.stderr.isatty()
        if due:
            self._due_s = progress.elapsed_s + SAY_EVERY_S
        losses = "/".join(f"{value:.3f}" for value in result.loss)
        _progress(
            f"minibatch {progress.minibatch} of {progress.minibatches}, loss {losses}, "
            f"accuracy {_shares(result.accuracy)}, firing {_shares(result.firing_rate)}, "
            f"waiting for data {progress.waiting_share:.1%}, "
            f"{progress.left_s / 60:.0f} minutes left",
            keep=due or progress.minibatch % 50 == 0,
        )


def _progress(text: str, *, keep: bool = False) -> None:
    """One line that is redrawn at a terminal; elsewhere only lines worth keeping."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[2K{text}" + ("\n" if keep else ""))
        sys.stderr.flush()
    elif keep:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


def _notice(text: str) -> None:
    _progress(text, keep=True)


def _shares(values: tuple[float, ...]) -> str:
    return "/".join(f"{value:.1%}" for value in values)


def _evaluation_text(found: Evaluation) -> str:
    # Where nobody is named, user is 0 and light nothing.
    named = any(found.users)
    of_whom = (
        f"{found.trials} gestures of users " + ", ".join(map(str, found.users))
        if named
        else f"{found.trials} samples, {found.judged_ms:,} ms of each"
    )
    lines = [
        f"checkpoint {found.model_version}, {of_whom}",
        f"right, {found.reading}: {found.accuracy:.1%}",
        f"right by layer, from the lowest: {_shares(found.layer_accuracy)}",
    ]
    if found.trials_shorter_than_protocol:
        lines.append(f"shorter than {found.judged_ms:,} ms: {found.trials_shorter_than_protocol}")
    by = (("user", found.accuracy_by_user), ("light", found.accuracy_by_light))
    for what, shares in by if named else ():
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
