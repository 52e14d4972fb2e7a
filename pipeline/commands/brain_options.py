"""The options of a brain: to its settings, and back to a command line for a child process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands import options as o

if TYPE_CHECKING:
    from pipeline.brain_settings import BrainSettings


def brain_settings(
    *,
    connect: Sequence[str] = ("",),
    checkpoint: Path | None,
    labels: Path | None = None,
    learn: Path | None = None,
    save: Path | None,
    seed: int,
    threads: int,
    device: o.Device,
    engine: o.Engine,
    rate: float | None = None,
    learn_every: int | None = None,
    update_every: int | None = None,
    window_ms: int,
    threshold: float,
    min_events_per_s: float,
    layer: int,
    views: list[str] | None = None,
) -> BrainSettings:
    """Checked here, before any process is started."""
    from models.live_learning import ONLINE
    from pipeline.brain_settings import BrainSettings, shipped_checkpoint
    from pipeline.chosen_views import read_view
    from pipeline.decisions import DecisionSettings

    return BrainSettings(
        connect=tuple(connect),
        checkpoint=checkpoint or shipped_checkpoint(),
        labels=labels,
        learn=learn,
        save=save,
        threads=threads,
        device=device.value,
        engine=engine.value,
        learning=replace(
            ONLINE,
            seed=seed,
            learn_every_steps=learn_every,
            rate=ONLINE.rate if rate is None else rate,
            update_every_steps=update_every or ONLINE.update_every_steps,
        ),
        decisions=DecisionSettings(
            window_ms=window_ms,
            threshold=threshold,
            margin=min(DecisionSettings().margin, threshold / 2),
            min_events_per_s=min_events_per_s,
        ),
        layer=layer,
        views=tuple(read_view(text) for text in views or ()),
    )


def brain_arguments(settings: BrainSettings) -> tuple[str, ...]:
    """The options of `wigwag brain` that give these settings."""
    learning, decisions = settings.learning, settings.decisions
    views = tuple(f"--view={view}" for view in settings.views)
    return views + arguments(
        {
            "checkpoint": settings.checkpoint,
            "labels": settings.labels,
            "learn": settings.learn,
            "save": settings.save,
            "threads": settings.threads,
            "device": settings.device,
            "engine": settings.engine,
            "seed": learning.seed,
            "rate": learning.rate,
            "learn-every": learning.learn_every_steps,
            "update-every": learning.update_every_steps,
            "window-ms": decisions.window_ms,
            "threshold": decisions.threshold,
            "min-events-per-s": decisions.min_events_per_s,
            "layer": settings.layer,
        }
    )


def check_files(
    settings: BrainSettings, outputs: Mapping[str, Path | None], inputs: Iterable[Path | None] = ()
) -> None:
    """Raise `InputError` where a file that a brain or others write is read, or written twice.

    `outputs`, by their options, and `inputs` are those of others. --save may be the checkpoint
    begun from, which is written at the end, as whoever goes on with his own weights wants it.
    """
    from recordings.outputs import check_outputs

    apart = settings.apart()
    numbers = [f" of source {n}" for n in range(1, len(apart) + 1)] if len(apart) > 1 else [""]
    saves = {f"--save{n}": one.save for n, one in zip(numbers, apart, strict=True)}
    latest = {f"--latest{n}": one.latest for n, one in zip(numbers, apart, strict=True)}
    read = [*inputs, settings.labels, settings.learn, *_rehearsed(settings.rehearse)]
    check_outputs({**saves, **latest, **outputs}, read)
    check_outputs({**latest, **outputs}, [settings.checkpoint])


def _rehearsed(path: Path | None) -> list[Path]:
    if path is None:
        return []
    from pipeline.given_clips import clip_files
    from recordings.dvsgesture import labels_path

    files = clip_files(path)
    return files + [labels_path(file) for file in files]


def arguments(given: dict[str, object]) -> tuple[str, ...]:
    """Options as a command line has them, those that are None left out."""
    return tuple(f"--{name}={value}" for name, value in given.items() if value is not None)
