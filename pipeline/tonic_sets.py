"""Data sets of the package tonic, by name; the only module that imports it.

tonic is under the GPL, version 3: an extra that a user installs, loaded when a set of it is asked
for and not before.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import numpy as np

from drivers.errors import InputError
from drivers.events import EVENT_DTYPE, Events, SensorSize
from pipeline.grid import Grid
from pipeline.sample_trials import sample_file, sample_trials
from pipeline.trials import TRIAL_FRAMES, TrialCache, TrialFrames
from recordings.dvsgesture import Split

FOLDER = "data/tonic"
"""Where tonic keeps and looks for its files, unless told."""
PUBLISHED: dict[str, dict[Split, int]] = {"DVSGesture": {"train": 1077, "test": 264}}
"""Samples of tonic's own copies; the raw DvsGesture has 1,176 and 288 (docs/training.md)."""


class TonicSet:
    """See `pipeline.datasets.Dataset`; both parts of a set are tonic's own."""

    simulated = False
    judged_ms = TRIAL_FRAMES

    def __init__(self, name: str, cache: TrialCache) -> None:
        """`name` is `NAME` or `NAME:FOLDER`; tonic downloads what is not in the folder.

        Raises `InputError` without tonic, and for a set that it does not have or that cannot be
        used: without classes, without two parts, or not of pixels with two polarities.
        """
        set_name, _, folder = name.partition(":")
        self.name = f"tonic:{name}"
        self._cache = cache
        self._folder = folder or FOLDER
        self._kind = _kind(set_name)
        self.class_names = tuple(str(text) for text in self._kind.classes)
        width, height = self._kind.sensor_size[:2]
        self._sensor = SensorSize(int(width), int(height))
        parts: tuple[Split, ...] = ("train", "test")
        self._parts = {part: self._open(part) for part in parts}
        self.found = tuple(
            f"to {part}: {len(samples)} samples of {set_name} as tonic has it"
            + _published(set_name, part, len(samples))
            for part, samples in self._parts.items()
        )

    def trials(
        self,
        part: Split,
        *,
        rows: int,
        columns: int,
        counts: bool = False,
        users: Collection[int] | None = None,
        reading: Callable[[int, int], None] | None = None,
    ) -> list[TrialFrames]:
        """See `pipeline.datasets.Dataset.trials`; the part as a whole is kept in one file."""
        samples = self._parts[part]
        # Files are listed in the order of the file system, which is nobody's choice.
        order = sorted(range(len(samples)), key=lambda index: str(samples.data[index]))
        about = [
            (
                int(samples.targets[index]) + 1,
                int(samples.users[index]) if hasattr(samples, "users") else 0,
                str(samples.lighting[index]) if hasattr(samples, "lighting") else "",
            )
            for index in order
        ]
        grid = Grid(rows, columns, counts)
        source = self._source(part, [str(samples.data[index]) for index in order], grid)
        found = sample_trials(
            about,
            (self._events(samples, index) for index in order),
            self._sensor,
            grid=grid,
            source=source,
            path=sample_file(self._cache, f"{self._kind.__name__}-{part}", self._folder, grid),
            reading=reading,
        )
        return self._of_users(found, users)

    def _of_users(
        self, found: list[TrialFrames], users: Collection[int] | None
    ) -> list[TrialFrames]:
        if users is None:
            return found
        if strangers := sorted(set(users) - {trial.user for trial in found}):
            raise InputError(
                what=f"data set {self.name}",
                got=f"no samples of user {', '.join(map(str, strangers))}",
                allowed="users of that part of the set, where tonic names them",
                todo="name others, or leave out --users",
            )
        return [trial for trial in found if trial.user in users]

    def _events(self, samples: Any, index: int) -> Events:
        """One sample's events, times from its first one on."""
        events, _ = samples[index]
        own = np.zeros(len(events), EVENT_DTYPE)
        own["x"], own["y"], own["on"] = events["x"], events["y"], events["p"].astype(bool)
        if len(events):
            own["t"] = events["t"] - events["t"].min()
        return own

    def _open(self, part: Split) -> Any:
        try:
            return self._kind(save_to=self._folder, train=part == "train")
        except (OSError, RuntimeError, ValueError) as error:
            raise InputError(
                what=f"data set {self.name}",
                got=str(error).splitlines()[0] if str(error) else type(error).__name__,
                allowed=f"tonic's files in {self._folder}, or a network to fetch them from",
                todo="put them there by hand, or name their folder: tonic:NAME:FOLDER",
            ) from error

    def _source(self, part: Split, files: list[str], grid: Grid) -> dict[str, Any]:
        digest = hashlib.blake2b(digest_size=12)
        for file in files:
            path = Path(file)
            size = path.stat().st_size if path.is_file() else -1
            digest.update(f"{file}|{size};".encode())
        return {
            "set": self.name,
            "part": part,
            "samples": digest.hexdigest(),
            **grid.described(),
        }


def _kind(name: str) -> Any:
    """A class of tonic.datasets that can be used."""
    try:
        import tonic.datasets
    except ImportError as error:
        raise InputError(
            what=f"data set tonic:{name}",
            got="no package tonic",
            allowed="an environment that has it",
            todo="pip install 'wigwag[tonic]'; it is under the GPL, version 3",
        ) from error

    def usable(kind: Any) -> bool:
        return (
            isinstance(kind, type)
            and isinstance(getattr(kind, "classes", None), list)
            and tuple(getattr(kind, "sensor_size", None) or ())[2:] == (2,)
            and "train" in inspect.signature(kind).parameters
        )

    known = {key: kind for key, kind in vars(tonic.datasets).items() if usable(kind)}
    if name not in known:
        raise InputError(
            what="data set of tonic",
            got=repr(name),
            allowed=", ".join(sorted(known)),
            todo="name one that has classes, two parts and pixels of two polarities",
        )
    return known[name]


def _published(name: str, part: Split, count: int) -> str:
    expected = PUBLISHED.get(name, {}).get(part)
    if expected is None:
        return ""
    return ": as published" if count == expected else f"; published: {expected:,}"
