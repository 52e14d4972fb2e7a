import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from subprocess import PIPE, Popen
from typing import IO

import numpy as np
import pytest

from drivers.events import EVENT_DTYPE, Events
from pipeline.addresses import ipc_address, private_run_directory

ROOT = Path(__file__).resolve().parents[2]
QUIET_THREADS = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
}


@pytest.fixture(autouse=True)
def ordinary_floats() -> Iterator[None]:
    """Torch, where a test loads it in this process, flushes tiny numbers of all that follow."""
    yield
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_flush_denormal(False)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Commands keep recordings that they cut here, and not in the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WIGWAG_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def save_tiny_network(path: Path) -> None:
    """A network small enough to step thousands of times a second, with untrained weights.

    Of three layers, like others in the tests: compiled code is for a number of layers.
    """
    from drivers.gestures import GESTURE_NAMES
    from models.checkpoint import save_checkpoint
    from models.engines import load_engine
    from models.live_learning import ONLINE
    from models.network import Network
    from models.settings import LayerSettings, NetworkSettings

    settings = NetworkSettings(
        layers=(
            LayerSettings(channels=4, pool=4),
            LayerSettings(channels=4, pool=1, kernel=3),
            LayerSettings(channels=4, pool=2, kernel=3),
        ),
        height=16,
        width=16,
        gain=5.0,
    )
    save_checkpoint(path, Network(settings), GESTURE_NAMES, parent=None, record={})
    # Compiled here, where time for it is allowed: processes of the tests then load it.
    load_engine(path, engine="events", learning=ONLINE)


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """See `save_tiny_network`."""
    path = tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors"
    save_tiny_network(path)
    return path


@pytest.fixture
def address() -> Callable[[str], str]:
    """Addresses in a private folder, by name."""
    folder = private_run_directory()
    return lambda name: ipc_address(folder, name)


@pytest.fixture
def wigwag(tmp_path: Path) -> Iterator["Wigwag"]:
    """Runs `wigwag` as users do, as processes that are gone when the test is."""
    runner = Wigwag(tmp_path)
    yield runner
    runner.end()


class Wigwag:
    """Starts `wigwag` processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._processes: list[Popen[bytes]] = []

    def start(self, *arguments: object, stdout: int | IO[bytes] = PIPE) -> Popen[bytes]:
        """A running `wigwag` with these arguments; what it says comes in pipes, unless told."""
        process = Popen(
            [sys.executable, "-m", "pipeline", *map(str, arguments)],
            stdin=None,
            stdout=stdout,
            stderr=PIPE,
            cwd=ROOT,
            env=os.environ | QUIET_THREADS,
        )
        self._processes.append(process)
        return process

    def run(self, *arguments: object) -> tuple[int, str, str]:
        """Exit status, standard output and standard error of a run to its end."""
        return self.run_side_by_side(arguments)[0]

    def run_side_by_side(self, *runs: Sequence[object]) -> list[tuple[int, str, str]]:
        """The same of several runs, which spend most of their time on their start."""
        found = []
        for process in [self.start(*arguments) for arguments in runs]:
            out, error = process.communicate(timeout=60)
            found.append((process.returncode, out.decode(), error.decode()))
        return found

    def end(self) -> None:
        """Kill what still runs."""
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.communicate()


@pytest.fixture(scope="session")
def simulated_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes by a simulated user to train and one to test, 0.3 s each, under two lights."""
    from recordings.simulated_set import write_simulated_set

    folder = tmp_path_factory.mktemp("simulated")
    write_simulated_set(folder, [1, 24], lights=("led", "natural"), gestures=(2, 8), seconds=0.3)
    return folder


@pytest.fixture(scope="session")
def some_events() -> Events:
    """Two seconds of a blob that moves over a 32x32 sensor, microsecond times, both polarities."""
    random = np.random.default_rng(7)
    count = 20_000
    events = np.zeros(count, dtype=EVENT_DTYPE)
    events["t"] = np.sort(random.integers(5_000_000, 7_000_000, count))
    phase = (events["t"] - 5_000_000) / 2_000_000
    events["x"] = (4 + 24 * phase + random.normal(0, 1.5, count)).clip(0, 31)
    events["y"] = random.normal(16, 3, count).clip(0, 31)
    events["on"] = random.random(count) < 0.5
    return events
