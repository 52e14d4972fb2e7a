"""Options that several commands share: one name, one meaning, one help text."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from drivers.errors import InputError
from models.checks import MOST_SEED


class Device(StrEnum):
    """Where the engine computes."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


class Engine(StrEnum):
    """What runs the network."""

    auto = "auto"
    torch = "torch"
    events = "events"
    graph = "graph"


class TrainingEngine(StrEnum):
    """What trains a network."""

    auto = "auto"
    events = "events"
    graph = "graph"


class WhenBehind(StrEnum):
    """What a brain does when the stream is faster than it is."""

    wait = "wait"
    skip = "skip"


class Split(StrEnum):
    """Part of a gesture set."""

    train = "train"
    test = "test"


class Light(StrEnum):
    """Light of a simulated scene."""

    led = "led"
    fluorescent = "fluorescent"
    natural = "natural"


class Layout(StrEnum):
    """How a simulated set is laid out on disk."""

    dvsgesture = "dvsgesture"


class Backpressure(StrEnum):
    """What a source does when its readers are slower than it is."""

    block = "block"
    drop = "drop"


Checkpoint = Annotated[
    Path | None,
    typer.Option("--checkpoint", help="Weights to start from; the shipped ones if left out."),
]
Speed = Annotated[
    str, typer.Option("--speed", metavar="1|N|max", help="Times real time, or as fast as it goes.")
]
Loop = Annotated[bool, typer.Option("--loop", help="Begin again at the end, until interrupted.")]
MOST_S = 1e9
"""Of a recording; thirty years."""
Start = Annotated[
    float | None,
    typer.Option("--start", min=0.0, max=MOST_S, help="Seconds from the recording's beginning."),
]
Stop = Annotated[
    float | None,
    typer.Option(
        "--stop", min=0.0, max=MOST_S, help="Seconds from the recording's beginning, not included."
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option("--labels", help="Label file: score the recognition of its gestures."),
]
Learn = Annotated[
    Path | None, typer.Option("--learn", help="Label file: learn from its gestures, and score.")
]
Rehearse = Annotated[
    Path | None,
    typer.Option(
        "--rehearse",
        help="Not to be forgotten: a recording with NAME_labels.csv beside it, a folder of such, "
        "or the folder `clips` of an earlier session.",
    ),
]
Save = Annotated[
    Path | None, typer.Option("--save", help="Write the weights here as a checkpoint at the end.")
]
Separate = Annotated[
    bool,
    typer.Option(
        "--separate",
        help="Of several sources: each is learnt by weights of its own, not by the same for all.",
    ),
]
SaveFolder = Annotated[
    Path | None,
    typer.Option("--save-folder", help="Where a save request may put a named checkpoint."),
]
Seed = Annotated[int, typer.Option("--seed", min=0, max=MOST_SEED, help="Of everything random.")]
Threads = Annotated[
    int, typer.Option("--threads", min=1, help="Of the brain; no more than there are free cores.")
]
DeviceOption = Annotated[Device, typer.Option("--device", help="Where to compute.")]
EngineOption = Annotated[
    Engine,
    typer.Option(
        "--engine",
        help="torch: the plain reference. events: fast on one CPU core. graph: for a CUDA device. "
        "auto: events on a CPU, torch on CUDA, where graph is not measured yet.",
    ),
]
WindowMs = Annotated[int, typer.Option("--window-ms", help="Length of the sliding window.")]
Threshold = Annotated[
    float, typer.Option("--threshold", help="Share of votes below which the answer is unsure.")
]
MinEvents = Annotated[
    float,
    typer.Option("--min-events-per-s", help="Input rate below which the scene counts as silent."),
]
Layer = Annotated[
    int, typer.Option("--layer", help="Whose votes count: 0 is the lowest, -1 the top.")
]
Rate = Annotated[
    float | None,
    typer.Option("--rate", min=0.0, max=10.0, help="Learning rate, if not the usual one."),
]
LearnEvery = Annotated[
    int | None,
    typer.Option(
        "--learn-every",
        min=1,
        help="Learn from one ms in so many; else at each, or in 20 for a large network.",
    ),
]
UpdateEvery = Annotated[
    int | None,
    typer.Option(
        "--update-every",
        min=1,
        help="Learning steps whose gradients add up to one update of the weights.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]
Insecure = Annotated[
    bool,
    typer.Option("--insecure", help="Allow plain tcp:// beyond this host: anyone may listen in."),
]
ServerKey = Annotated[
    Path | None,
    typer.Option("--server-key", help="Public CURVE key file of the address connected to."),
]
SecretKey = Annotated[
    Path | None,
    typer.Option(
        "--secret-key",
        help="Secret CURVE key file of this program; beside it NAME.allowed says who is let in.",
    ),
]

Views = Annotated[
    list[str] | None,
    typer.Option(
        "--view",
        metavar="X,Y,SIDE[@SECONDS]",
        help="The square of the sensor to look at, in pixels from the top left; or centred. "
        "Several, with the time of the stream that each begins at.",
    ),
]
HotPixelsOption = Annotated[
    bool | None,
    typer.Option(
        "--hot-pixels/--no-hot-pixels",
        help="Leave out pixels found hot in the first second; on for real event cameras.",
    ),
]
NoiseMs = Annotated[
    float | None,
    typer.Option(
        "--noise-ms",
        help="Leave out events that no neighbouring pixel's came this shortly before; 10 is usual.",
    ),
]


def parse_speed(text: str) -> float | None:
    """Times real time, None for `max`; raises `InputError` for anything else."""
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if not (math.isfinite(speed) and speed > 0):
        raise InputError(
            what="--speed",
            got=repr(text),
            allowed="a number above 0, or max",
            todo="use 1 for real time",
        )
    return speed


def replay_stand_bys(speed: str) -> int:
    """How many processes stand by in a replay: one each for source and brain, both begin anew.

    None where it runs as fast as it goes: loading them would take from its time.
    """
    return 0 if parse_speed(speed) is None else 2


def address_asked(
    command: str,
    stage: str,
    control: str | None,
    session: Path | None,
    read: Callable[[Path], str],
) -> str:
    """The control address of a stage: as it was given, or as `read` finds it in the folder of a
    session that runs.

    Raises `InputError` where neither was named, and where no session runs there.
    """
    if control is not None:
        return control
    if session is None:
        raise InputError(
            what=command,
            got=f"no {stage}",
            allowed="--control ADDR, or --session DIR of a session that runs",
            todo="name one",
        )
    return read(session)


def refuse(context: typer.Context, names: tuple[str, ...], when: str, todo: str) -> None:
    """Raise `InputError` for an option that was given and would have no effect."""
    for name in names:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            what = f"--{'set' if name == 'change' else name.replace('_', '-')}"
            raise InputError(what=what, got=when, allowed="left out there", todo=todo)
