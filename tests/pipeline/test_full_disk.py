"""Real programs that may write no more: files no larger than a limit stand for a full disk."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.addresses import ipc_address, private_run_directory
from pipeline.session_folder import SessionFolder
from pipeline.session_log import read_session_log
from recordings.inspect import inspect_recording
from tests.pipeline.conftest import QUIET_THREADS

SAMPLE = Path(__file__).resolve().parents[2] / "recordings/samples/simulated-session.aedat4"


def with_room(kib: int, *arguments: object) -> tuple[int, str]:
    """Status and standard error of a command that may make no file larger than so much."""
    done = subprocess.run(
        ["bash", "-c", f'ulimit -f {kib}; exec "$@"', "wigwag", sys.executable, "-m", "pipeline"]
        + [str(argument) for argument in arguments],
        capture_output=True,
        text=True,
        timeout=100,
        env=os.environ | QUIET_THREADS,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("what", ["labels", "copy", "checkpoint"])
def test_what_is_written_at_once_is_not_there(
    tmp_path: Path, tiny_checkpoint: Path, what: str
) -> None:
    """One line that says what, status 2; neither the file nor a piece of it is left."""
    replay = ("replay", SAMPLE, "--checkpoint", tiny_checkpoint, "--speed", "max", "--stop", 3)
    out = tmp_path / {"copy": "copy.aedat4"}.get(what, what)
    status, error = with_room(
        3,
        *{
            "labels": (*replay, "--output", out),
            "copy": ("convert", SAMPLE, out),
            "checkpoint": (*replay, "--save", out),
        }[what],
    )
    assert (status, error.count("\n")) == (2, 1), error
    assert out.name in error
    assert not list(tmp_path.iterdir())


def test_a_recording_can_be_read_up_to_there(wigwag, tmp_path: Path) -> None:
    """The recorder says that there is no room; what it wrote before is whole."""
    events, out = ipc_address(private_run_directory(), "events"), tmp_path / "kept.aedat4"
    wigwag.start("source", SAMPLE, "--bind", events, "--speed", "max")
    status, error = with_room(200, "record", out, "--connect", events)
    assert status == 2
    assert "output file" in error
    assert inspect_recording(out).events > 10_000


def test_a_session_ends_and_can_be_read_up_to_there(tmp_path: Path, tiny_checkpoint: Path) -> None:
    """One error, and no process left; events and log are there as far as there was room."""
    folder = SessionFolder(tmp_path / "session")
    status, error = with_room(
        200,
        *("adapt", "--camera", SAMPLE, "--session", folder.path, "--checkpoint", tiny_checkpoint),
    )
    assert status == 2
    assert "events.aedat4" in error
    assert inspect_recording(folder.events).events > 10_000
    assert read_session_log(folder.log).of("stream")
