"""Recordings of objects in one folder, as trials: windows side by side."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from drivers.errors import InputError
from pipeline.object_recordings import class_of, recordings_of
from pipeline.real_sets import full_name, place_of, refuse_users
from pipeline.trials import TRIAL_FRAMES, TrialCache, TrialFrames, load_trials
from recordings.dvsgesture import SetRecording, Split
from recordings.labels import MOST_US, GestureInterval

PARTS: dict[Split, tuple[int, int]] = {"train": (0, 2), "test": (2, 3)}
"""Thirds of each recording, half-open; as the experiment has them."""
_SAID: dict[Split, str] = {"train": "the first two thirds", "test": "the last third"}


class ObjectsSet:
    """See `pipeline.datasets.Dataset`; a class is a file name without its number."""

    simulated = False
    judged_ms = TRIAL_FRAMES
    """A window; as long as a gesture."""

    def __init__(self, name: str, cache: TrialCache) -> None:
        """`name` is `FOLDER`, `FOLDER:all`, `all` or nothing: see `real_sets.place_of`.

        Raises `InputError` for a folder that is absent, or without recordings.
        """
        self.name = full_name("objects", name)
        self._cache = cache
        folder, self._whole = place_of(name, "dvs128_objects")
        self._paths = recordings_of(folder)
        self.class_names = tuple(dict.fromkeys(map(class_of, self._paths)))
        self.found = tuple(
            f"to {part}: windows of {TRIAL_FRAMES:,} ms of "
            + ("all" if self._whole else _SAID[part])
            + f" of {len(self._paths)} recordings, {len(self.class_names)} classes"
            for part in PARTS
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
        """See `pipeline.datasets.Dataset.trials`; recordings are kept whole."""
        refuse_users(self.name, users)
        begin, end = (0, 3) if self._whole else PARTS[part]
        wholes = load_trials(
            [
                SetRecording(
                    path,
                    user=0,
                    light="",
                    split=part,
                    intervals=(
                        GestureInterval(0, MOST_US, self.class_names.index(class_of(path)) + 1),
                    ),
                )
                for path in self._paths
            ],
            rows=rows,
            columns=columns,
            counts=counts,
            cache=self._cache,
            progress=reading,
        )
        for path, whole in zip(self._paths, wholes, strict=True):
            if not whole.frames:
                raise InputError(
                    what=f"recording {path}",
                    got="no events",
                    allowed="a whole recording",
                    todo="take it out of the folder",
                )
        return [
            window
            for whole in wholes
            for window in _windows(whole, whole.frames * begin // 3, whole.frames * end // 3)
        ]


def _windows(whole: TrialFrames, begin: int, end: int) -> Iterator[TrialFrames]:
    """Side by side in `[begin, end)`; one that is shorter where there is not room for one."""
    last = max(end - TRIAL_FRAMES, begin)
    for at in range(begin, last + 1, TRIAL_FRAMES):
        yield whole.cut(at, min(at + TRIAL_FRAMES, end))
