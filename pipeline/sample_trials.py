"""Trials of a set whose samples are cut already: binned once, and kept in one file together."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from drivers.events import EventPacket, Events, SensorSize
from pipeline.binning import FrameBinner, centred_view
from pipeline.frame_rows import Rows, to_rows
from pipeline.grid import Grid
from pipeline.trial_archive import TrialArchive, open_archive, write_archive
from pipeline.trials import BIN_US, LOG, TrialCache, TrialFrames, archived


def sample_file(cache: TrialCache, name: str, place: str, grid: Grid) -> Path | None:
    """Where the cache keeps samples; sets of one name in two places have two. None: nowhere."""
    if cache.folder is None:
        return None
    digest = hashlib.blake2b(place.encode(), digest_size=6).hexdigest()
    return cache.folder / f"{name}-{grid.name}-{digest}.safetensors"


def sample_trials(
    about: Sequence[tuple[int, int, str]],
    samples: Iterable[Events],
    sensor: SensorSize,
    *,
    grid: Grid,
    source: dict[str, Any],
    path: Path | None = None,
    reading: Callable[[int, int], None] | None = None,
) -> list[TrialFrames]:
    """Every sample as a trial; `about` has class, user and light of each.

    A sample's times count from its beginning; its events may come in any order. `samples` is left
    alone where `path` has what was made from `source`; if that is damaged, a warning says so and
    it is made anew.
    """
    archive: TrialArchive | str | None = None
    if path is not None:
        archive = open_archive(path, source)
        if isinstance(archive, str):
            LOG.warning("cache %s: %s; it is made anew", path, archive)
    if not isinstance(archive, TrialArchive):
        view = centred_view(sensor, grid.columns, grid.rows)
        bits: list[Rows] = []
        for events in samples:
            binner = FrameBinner(sensor, view, bin_us=BIN_US, counts=grid.counts)
            chunks = [*binner.iter_push(_packet(events, sensor)), binner.finish()]
            bits.append(np.concatenate([to_rows(new, counts=grid.counts) for new in chunks]))
            if reading is not None:
                reading(len(bits), len(about))
        if path is not None:
            write_archive(path, source, bits)
            archive = open_archive(path, source)
    if isinstance(archive, TrialArchive):
        return archived(archive, about, grid)
    return [
        TrialFrames(*item, one, grid.rows, grid.columns, counts=grid.counts)
        for item, one in zip(about, bits, strict=True)
    ]


def _packet(events: Events, sensor: SensorSize) -> EventPacket:
    ordered = events[np.argsort(events["t"], kind="stable")]
    end_us = int(ordered["t"][-1]) + 1 if len(ordered) else 0
    return EventPacket(ordered, sensor, "sample", 0, 0, end_us)
