"""The one door to labelled gestures: a data set by name or folder, as trials of 1 ms frames."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Protocol

from drivers.gestures import GESTURE_NAMES
from pipeline.mnist_set import MnistSet
from pipeline.nmnist_set import NmnistSet
from pipeline.objects_set import ObjectsSet
from pipeline.tonic_sets import TonicSet
from pipeline.trials import TRIAL_FRAMES, LabelledFrames, TrialCache, TrialFrames, load_trials
from recordings.dvsgesture import Split, read_gesture_set
from recordings.gesture_set_report import report_lines
from recordings.simulated_set import NOTICE_FILE

Reading = Callable[[int, int], None]
"""Called with recordings read and recordings in all."""


class Dataset(Protocol):
    """What training and evaluation ask of a data set."""

    @property
    def name(self) -> str:
        """As the user named it."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """By class, the first being class 1."""

    @property
    def found(self) -> tuple[str, ...]:
        """Lines that say how much there is, and what is not as it was published."""

    @property
    def simulated(self) -> bool:
        """Whether what it holds was made by a simulator."""

    @property
    def judged_ms(self) -> int:
        """How much of a trial is read to judge by; silence follows one that is shorter."""

    def trials(
        self,
        part: Split,
        *,
        rows: int,
        columns: int,
        counts: bool = False,
        users: Collection[int] | None = None,
        reading: Reading | None = None,
    ) -> Sequence[LabelledFrames]:
        """All labelled gestures of a part, of some of its users if they are named.

        Cells of their frames hold whether they had an event, or with `counts` how many.
        Raises `InputError` for what cannot be read; nothing is left out silently.
        """


class GestureFolder:
    """A folder in the DvsGesture layout."""

    class_names = GESTURE_NAMES
    judged_ms = TRIAL_FRAMES

    def __init__(self, folder: Path, cache: TrialCache = TrialCache()) -> None:  # noqa: B008 - frozen
        self.name = str(folder)
        self._cache = cache
        self.simulated = (folder / NOTICE_FILE).exists()
        self._set = read_gesture_set(folder)
        self.found = tuple(report_lines(self._set))

    def trials(
        self,
        part: Split,
        *,
        rows: int,
        columns: int,
        counts: bool = False,
        users: Collection[int] | None = None,
        reading: Reading | None = None,
    ) -> list[TrialFrames]:
        """See `Dataset.trials`."""
        return load_trials(
            self._set.of(part, users),
            rows=rows,
            columns=columns,
            counts=counts,
            cache=self._cache,
            progress=reading,
        )


DATASETS: dict[str, Callable[[str, TrialCache], Dataset]] = {
    "mnist": MnistSet,
    "nmnist": NmnistSet,
    "objects": ObjectsSet,
    "tonic": TonicSet,
}
"""What opens `PREFIX` or `PREFIX:NAME`, by prefix; given the name, and raises `InputError`."""


def open_dataset(text: str, cache: TrialCache = TrialCache()) -> Dataset:  # noqa: B008 - frozen
    """The data set that a user names: a prefix of `DATASETS`, with a name or without, or a folder.

    A folder that is called like a prefix is `./PREFIX`. Raises `InputError` where there is no such
    thing.
    """
    prefix, _, name = text.partition(":")
    if prefix in DATASETS:
        return DATASETS[prefix](name, cache)
    return GestureFolder(Path(text), cache)
