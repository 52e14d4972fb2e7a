"""All experiments, one after the other: what docs/results.md is made of."""

from __future__ import annotations

import time
from importlib import import_module
from typing import Any

from drivers.errors import InputError
from models.errors import ModelError
from pipeline.experiments.names import ALL, EXPERIMENTS
from pipeline.experiments.settings import ExperimentSettings, Say


def run(settings: ExperimentSettings, say: Say) -> dict[str, Any]:
    """In order of names; one that fails does not stop the others.

    Gives the minutes of each that was done. Raises `InputError` at the end if any failed, and at
    once for options that mean another thing to each.
    """
    for name, given in (
        ("--data", settings.data),
        ("--checkpoint", settings.checkpoint),
        ("--test", settings.test),
    ):
        if given is not None:
            raise InputError(
                what=name,
                got=str(given),
                allowed="nothing, with all experiments: each has data of its own",
                todo="leave it out, or name one experiment",
            )
    minutes: dict[str, float] = {}
    failed: list[str] = []
    for name in sorted(set(EXPERIMENTS) - {ALL}):
        say(f"== {name}")
        begin_s = time.monotonic()
        try:
            import_module(EXPERIMENTS[name]).run(settings, say)
        except (InputError, ModelError) as error:
            failed.append(name)
            say(f"== {name} failed: {error}")
            continue
        minutes[name] = (time.monotonic() - begin_s) / 60.0
        say(f"== {name} took {minutes[name]:.1f} minutes")
    if failed:
        raise InputError(
            what="experiments",
            got=f"failures of {', '.join(failed)}",
            allowed="all of them done",
            todo="see what each said, mend it, and run it by its name",
        )
    return {"minutes": minutes}
