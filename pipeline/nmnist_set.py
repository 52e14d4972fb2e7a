"""N-MNIST's samples in one npz file, as trials."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

import numpy as np

from drivers.errors import InputError
from drivers.events import EVENT_DTYPE, Events, SensorSize
from pipeline.event_samples import EventSamples, read_event_samples
from pipeline.grid import Grid
from pipeline.real_sets import full_name, place_of, refuse_users
from pipeline.sample_trials import sample_file, sample_trials
from pipeline.trials import TrialCache, TrialFrames
from recordings.dvsgesture import Split

SENSOR = SensorSize(34, 34)
SEED = 0
"""Of the lot that parts a file's samples."""


class NmnistSet:
    """See `pipeline.datasets.Dataset`; a file is one set, which is parted by lot."""

    class_names = tuple(map(str, range(10)))
    simulated = False
    judged_ms = 300
    """As the experiment reads them: the three saccades."""

    def __init__(self, name: str, cache: TrialCache) -> None:
        """`name` is `FILE`, `FILE:all`, `all` or nothing: see `real_sets.place_of`.

        Raises `InputError` for a file that is absent, or of another form.
        """
        self.name = full_name("nmnist", name)
        self._cache = cache
        self._path, whole = place_of(name, "nmnist/train1000.npz")
        self._samples = read_event_samples(self._path, classes=len(self.class_names))
        _refuse_others(self._samples, self.name)
        count = len(self._samples)
        lot = np.random.default_rng(SEED).permutation(count)
        train = count * 4 // 5
        self._parts: dict[Split, list[int]] = (
            {"train": [*range(count)], "test": [*range(count)]}
            if whole
            else {"train": sorted(lot[:train].tolist()), "test": sorted(lot[train:].tolist())}
        )
        self.found = tuple(
            f"to {part}: {len(chosen):,} of {count:,} samples" + ("" if whole else ", drawn by lot")
            for part, chosen in self._parts.items()
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
        """See `pipeline.datasets.Dataset.trials`; the file as a whole is kept."""
        refuse_users(self.name, users)
        place, about = self._path.resolve(), self._path.stat()
        grid = Grid(rows, columns, counts)
        found = sample_trials(
            [(int(label) + 1, 0, "") for label in self._samples.classes],
            self._events(),
            SENSOR,
            grid=grid,
            source={
                "samples": place.name,
                "size": about.st_size,
                "mtime_ns": about.st_mtime_ns,
                **grid.described(),
            },
            path=sample_file(self._cache, f"nmnist-{place.stem}", str(place), grid),
            reading=reading,
        )
        return [found[number] for number in self._parts[part]]

    def _events(self) -> Iterator[Events]:
        samples = self._samples
        for begin, end in zip(samples.offsets[:-1], samples.offsets[1:], strict=True):
            events = samples.events[begin:end]
            own = np.zeros(len(events), EVENT_DTYPE)
            own["t"], own["x"], own["y"] = events["t_us"], events["x"], events["y"]
            own["on"] = events["on"].astype(bool)
            yield own


def _refuse_others(samples: EventSamples, name: str) -> None:
    """Raise `InputError` for pixels that N-MNIST does not have: they must not be lost unsaid."""
    for axis in ("x", "y"):
        places = samples.events[axis]
        if len(places) and not 0 <= places.min() <= places.max() < SENSOR.width:
            raise InputError(
                what=f"data set {name}",
                got=f"{axis} from {places.min()} to {places.max()}",
                allowed=f"0 to {SENSOR.width - 1}, as N-MNIST has them",
                todo="give a file of N-MNIST",
            )
