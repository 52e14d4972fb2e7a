import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE

import pytest

from pipeline.process_guard import PARENT_VARIABLE

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 10.0
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}
ENVIRONMENT.pop(PARENT_VARIABLE, None)

GUARDED = """
import os, sys, time
from pipeline.process_guard import exit_with_parent
exit_with_parent()
print(os.getpid(), flush=True)
{life}
"""
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([*sys.argv[2:], sys.executable, "-c", sys.argv[1]], stdout=sys.stdout)
time.sleep(600)
"""
STOPPING = """
import os, threading
from pipeline.process_guard import stopping_on_signals
stop = threading.Event()
with stopping_on_signals(stop):
    print("ready", flush=True)
    stop.wait(60)
print("stopped" if stop.is_set() else "timed out", flush=True)
"""


@pytest.fixture(autouse=True)
def sighup_not_ignored() -> Iterator[None]:
    """Children of these tests are not detached, even where the tests themselves run under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture
def pids() -> Iterator[list[int]]:
    """Processes to be killed at the end, should they still run."""
    found: list[int] = []
    yield found
    for pid in found:
        if runs(pid):
            os.kill(pid, signal.SIGKILL)


def runs(pid: int) -> bool:
    """Whether a process runs; one that has ended but that nobody has reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def ends(pid: int, within_s: float = DEADLINE_S) -> bool:
    """Whether a process ends in time."""
    deadline = time.monotonic() + within_s
    while runs(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def orphan(life: str, pids: list[int], *prefix: str) -> int:
    """The pid of a guarded process whose parent has been killed."""
    code = GUARDED.format(life=life)
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, code, *prefix], stdout=PIPE, env=ENVIRONMENT
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        pids.append(pid)
        assert runs(pid)
        parent.kill()
        parent.wait()
    return pid


@pytest.mark.parametrize(
    "life",
    [
        "time.sleep(600)",
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)",
        "import zmq; c = zmq.Context(); s = c.socket(zmq.PUSH); s.bind('tcp://127.0.0.1:*'); "
        "s.send(b'to nobody')",
    ],
    ids=["asleep", "deaf to SIGTERM", "blocked in a send"],
)
def test_child_ends_when_its_parent_is_killed(life: str, pids: list[int]) -> None:
    """Even SIGKILL of the parent leaves no orphan, even one that does not listen."""
    assert ends(orphan(life, pids))


def test_detached_process_is_left_alone(pids: list[int]) -> None:
    """Who starts it with setsid wants it to live on."""
    pid = orphan("time.sleep(600)", pids, "setsid")
    assert not ends(pid, within_s=0.5)


def test_process_under_nohup_is_left_alone(pids: list[int]) -> None:
    """Who starts it with nohup wants it to live on."""
    pid = orphan("time.sleep(600)", pids, "nohup")
    assert not ends(pid, within_s=0.5)


def test_named_parent_that_is_gone_ends_the_child() -> None:
    """A child that starts so slowly that its parent is gone already ends at once."""
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    result = subprocess.run(
        [sys.executable, "-c", GUARDED.format(life="time.sleep(600)")],
        env=ENVIRONMENT | {PARENT_VARIABLE: str(gone.pid)},
        capture_output=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert result.returncode == -signal.SIGTERM


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_sets_the_stop(number: signal.Signals) -> None:
    """A signal is heard at once, also by a main thread that waits, and ends nothing by itself."""
    with subprocess.Popen(
        [sys.executable, "-c", STOPPING], stdout=PIPE, env=ENVIRONMENT
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        assert process.stdout.readline() == b"stopped\n"
    assert process.returncode == 0
