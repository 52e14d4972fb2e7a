"""The wall clock of a running session is set, as by hand or by a time server."""

import json
import shutil
import struct
import subprocess
import sys
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from pipeline.session_log import read_session_log
from tests.pipeline.test_adapt import Taught

PROGRAM = Path(__file__).with_name("set_clock.c")
HOUR_NS = 3_600_000_000_000


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Its eight bytes say by how much the clock of processes begun from now on is set."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("no C compiler, or not Linux: no process can be given a clock of its own")
    library = tmp_path / "set_clock.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", PROGRAM, "-o", library],
        check=True,
    )
    clock = tmp_path / "clock"
    clock.write_bytes(struct.pack("=q", 0))
    monkeypatch.setenv("LD_PRELOAD", str(library))
    monkeypatch.setenv("SET_CLOCK", str(clock))
    return clock


def test_a_clock_that_is_set_back_and_forward_stops_nothing(
    wigwag, tmp_path: Path, tiny_checkpoint: Path, clock: Path
) -> None:
    """An hour back, then two forward: frames are stepped, labels said, lessons given and replayed
    as before; stream time knows nothing of it.
    """
    session = Taught(wigwag, tmp_path / "session", tiny_checkpoint)
    session.until(lambda: session.ask("status")["frames"] > 100)
    for hours in (-1, 1):
        with clock.open("r+b") as file:
            file.write(struct.pack("=q", hours * HOUR_NS))
        stepped = session.ask("status")["frames"]
        session.until(lambda stepped=stepped: session.ask("status")["frames"] > stepped + 500)
        session.lesson("arm roll", 0.3)
    out, error = session.end()
    assert "Traceback" not in error
    log = read_session_log(session.folder.log).entries
    said = [datetime.fromisoformat(entry["at"]).timestamp() for entry in log]
    back, forward = min(said) - said[0], max(said) - said[0]
    assert -3600 <= back < -3500
    assert 3600 <= forward < 3700
    times_us = [json.loads(line)["t_us"] for line in out.splitlines()]
    assert times_us == sorted(times_us)
    assert max(after - before for before, after in pairwise(times_us)) < 5_000_000
    status, _, error = wigwag.run("replay", "--session", session.folder.path, "--speed", "max")
    assert status == 0, error
