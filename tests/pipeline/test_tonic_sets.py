"""Sets of tonic: with the package itself where it is installed, else with one shaped like it."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from drivers.errors import InputError
from pipeline.datasets import open_dataset
from pipeline.trials import TrialCache, TrialFrames

HAS_TONIC = importlib.util.find_spec("tonic") is not None
FIELDS = np.dtype([("x", np.int16), ("y", np.int16), ("p", bool), ("t", np.int64)])


def sample(seed: int) -> np.ndarray:
    """Events (x, y, polarity, ms) of half a second, as tonic's files of DVSGesture hold them."""
    random = np.random.default_rng(seed)
    times = np.sort(random.integers(40, 540, 300))
    x, y = random.integers(0, 128, (2, 300))
    return np.stack([x, y, random.integers(0, 2, 300), times], axis=1).astype(np.int64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """DVSGesture as tonic keeps it: 100 samples to train and to test, which are few and random."""
    root = tmp_path_factory.mktemp("tonic")
    for part, first in (("Train", 1), ("Test", 24)):
        where = root / "DVSGesture"
        for number in range(100):
            light = ("led", "lab")[number // 10 % 2]
            name = f"user{first + number // 20:02d}_{light}"
            user = where / f"ibmGesture{part}" / name
            user.mkdir(parents=True, exist_ok=True)
            np.save(user / f"{number % 10}.npy", sample(number))
        (where / f"ibmGesture{part}.tar.gz").write_bytes(b"")
    return root


class LikeDVSGesture:
    """What the adapter asks of a set of tonic, reading the same files."""

    sensor_size = (128, 128, 2)
    classes = list("abcdefghijk")  # noqa: RUF012 - as tonic has it

    def __init__(self, save_to: str, train: bool = True) -> None:
        folder = Path(save_to) / "DVSGesture" / f"ibmGesture{'Train' if train else 'Test'}"
        if not folder.is_dir():
            raise RuntimeError("File not found or corrupted.")
        self.data = [str(path) for path in sorted(folder.glob("*/*.npy"), reverse=True)]
        self.targets = [int(Path(path).stem) for path in self.data]
        self.users = [int(Path(path).parent.name[4:6]) for path in self.data]
        self.lighting = [Path(path).parent.name.split("_")[1] for path in self.data]

    def __getitem__(self, index: int):
        rows = np.load(self.data[index])
        events = np.zeros(len(rows), FIELDS)
        for column, name in enumerate(FIELDS.names or ()):
            events[name] = rows[:, column]
        events["t"] *= 1000
        return events, self.targets[index]

    def __len__(self) -> int:
        return len(self.data)


class OneChannel(LikeDVSGesture):
    """Audio: no pixels with two polarities."""

    sensor_size = (700, 1, 1)


@pytest.fixture(params=["like tonic", "tonic"])
def tonic(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package, or a stand-in: it is too large, and under another licence, to ask for here."""
    if request.param == "tonic":
        if not HAS_TONIC:
            pytest.skip("needs the package tonic")
        return
    package, sets = ModuleType("tonic"), ModuleType("tonic.datasets")
    sets.DVSGesture, sets.SHD = LikeDVSGesture, OneChannel  # type: ignore[attr-defined]
    package.datasets = sets  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tonic", package)
    monkeypatch.setitem(sys.modules, "tonic.datasets", sets)


NO_CACHE = TrialCache()


def load(folder: Path, cache: TrialCache = NO_CACHE, **options) -> list[TrialFrames]:
    """The samples to train on."""
    found = open_dataset(f"tonic:DVSGesture:{folder}", cache)
    return found.trials("train", rows=32, columns=32, **options)


def test_samples_become_frames(tonic: None, folder: Path) -> None:
    """Each in 1 ms frames from its first event on, with its class, user and light."""
    (trial,) = [
        trial
        for trial in load(folder)
        if (trial.user, trial.light, trial.gesture_class) == (1, "led", 4)
    ]
    events = sample(3)
    expected = np.zeros((trial.frames, 2, 32, 32), np.uint8)
    steps = events[:, 3] - events[0, 3]
    expected[steps, 1 - events[:, 2], events[:, 1] // 4, events[:, 0] // 4] = 1
    assert trial.frames == steps[-1] + 1
    assert np.array_equal(trial.unpack(0, trial.frames), expected)


def test_samples_are_cut_once(tonic: None, folder: Path, tmp_path: Path) -> None:
    """What is kept is what was cut, in an order that does not depend on the file system."""
    told: list[tuple[int, int]] = []
    cache = TrialCache(tmp_path / "cache")

    def reading(done: int, total: int) -> None:
        told.append((done, total))

    first, second = load(folder, cache, reading=reading), load(folder, cache, reading=reading)
    assert told == [(done, 100) for done in range(1, 101)]
    for one, two, plain in zip(first, second, load(folder), strict=True):
        assert np.array_equal(one.bits, two.bits)
        assert np.array_equal(one.bits, plain.bits)
        about = [(item.gesture_class, item.user, item.light) for item in (one, two, plain)]
        assert about == about[:1] * 3


def test_what_tonic_has_is_said(tonic: None, folder: Path) -> None:
    """Beside what its copy should have."""
    found = open_dataset(f"tonic:DVSGesture:{folder}")
    assert found.found == (
        "to train: 100 samples of DVSGesture as tonic has it; published: 1,077",
        "to test: 100 samples of DVSGesture as tonic has it; published: 264",
    )
    assert not found.simulated


def test_some_users_can_be_taken(tonic: None, folder: Path) -> None:
    """Those named; a stranger is refused."""
    assert {trial.user for trial in load(folder, users=[2])} == {2}
    with pytest.raises(InputError, match="user 24"):
        load(folder, users=[2, 24])


def test_sets_that_cannot_be_used_are_refused(tonic: None) -> None:
    """Unknown to tonic, or not of pixels with two polarities; those that can be are listed."""
    for name in ("Juggling", "SHD"):
        with pytest.raises(InputError, match=rf"'{name}'; allowed: .*DVSGesture"):
            open_dataset(f"tonic:{name}")


def test_files_that_are_missing_are_one_error(folder: Path, tmp_path: Path, monkeypatch) -> None:
    """Where tonic can neither find nor fetch them."""
    package, sets = ModuleType("tonic"), ModuleType("tonic.datasets")
    sets.DVSGesture = LikeDVSGesture  # type: ignore[attr-defined]
    package.datasets = sets  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tonic", package)
    monkeypatch.setitem(sys.modules, "tonic.datasets", sets)
    with pytest.raises(InputError, match=r"File not found.*tonic:NAME:FOLDER"):
        open_dataset(f"tonic:DVSGesture:{tmp_path}")


@pytest.mark.skipif(HAS_TONIC, reason="needs an environment without tonic")
def test_without_tonic_the_extra_is_named() -> None:
    """One clear error, and only when a set of tonic is asked for."""
    with pytest.raises(InputError, match=r"wigwag\[tonic\]"):
        open_dataset("tonic:DVSGesture")
