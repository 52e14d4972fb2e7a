"""The numbers of an experiment as JSON, with all that is needed to get them again."""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.atomic_file import write_atomically
from pipeline.benchmarks.machine import describe_machine, load_average
from pipeline.experiments.settings import ExperimentSettings


class Report:
    """Begun when an experiment starts; `write` adds its results."""

    def __init__(
        self, name: str, settings: ExperimentSettings, *, data: str, simulated: bool
    ) -> None:
        """`data` says what it learns from, in a few words."""
        self.name = name
        self._settings = settings
        self._begin_s = time.monotonic()
        self._about = {
            "experiment": name,
            "data": data,
            "simulated": simulated,
            "command": shlex.join(["wigwag", *sys.argv[1:]]),
            "seed": settings.seed,
            "machine": asdict(describe_machine(settings.threads)),
            "load_before": load_average(),
        }

    @property
    def elapsed_s(self) -> float:
        """Since the experiment began."""
        return time.monotonic() - self._begin_s

    def write(self, results: Mapping[str, Any]) -> Path:
        """Write `NAME.json` into the folder of the experiment; raises `InputError`."""
        path = self._settings.out / f"{self.name}.json"
        values = self._about | {
            "elapsed_s": round(self.elapsed_s, 1),
            "load_after": load_average(),
            "options": {
                name: str(value) if isinstance(value, Path) else value
                for name, value in asdict(self._settings).items()
            },
            "results": results,
        }
        write_atomically(path, json.dumps(values, indent=1, default=_plain).encode() + b"\n")
        return path


def _plain(value: object) -> object:
    if isinstance(value, np.ndarray):
        return np.round(value, 6).tolist() if value.dtype.kind == "f" else value.tolist()
    if isinstance(value, np.floating):
        return round(float(value), 6)
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"no JSON for {type(value).__name__}")
