"""Real programs that may write no more: files of limited size, a disk full or read-only."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.addresses import ipc_address, private_run_directory
from pipeline.session_folder import SessionFolder
from pipeline.session_log import read_session_log
from recordings.inspect import inspect_recording
from tests.pipeline.conftest import QUIET_THREADS

SAMPLE = Path(__file__).resolve().parents[2] / "recordings/samples/simulated-session.aedat4"


IN_NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")
"""Where a file system can be mounted that nobody else sees."""
needs_namespace = pytest.mark.skipif(
    shutil.which("unshare") is None
    or subprocess.run([*IN_NAMESPACE, "true"], capture_output=True, check=False).returncode != 0,
    reason="no mount namespaces may be made here",
)


def with_room(kib: int, *arguments: object) -> tuple[int, str]:
    """Status and standard error of a command that may make no file larger than so much."""
    done = _run_in(["bash", "-c", f'ulimit -f {kib}; exec "$@"', "wigwag"], arguments)
    return done.returncode, done.stderr


def _run_in(
    surroundings: Sequence[str], arguments: Sequence[object]
) -> subprocess.CompletedProcess[str]:
    """A `wigwag` command to its end, started by a program that takes it as its own arguments."""
    return subprocess.run(
        [*surroundings, sys.executable, "-m", "pipeline", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=100,
        env=os.environ | QUIET_THREADS,
        check=False,
    )


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


@needs_namespace
@pytest.mark.parametrize(
    ("mounted", "said"),
    [("size=64k", "No space left on device"), ("ro", "Read-only file system|may not write to")],
)
@pytest.mark.parametrize("what", ["labels", "copy", "checkpoint", "session", "keys"])
def test_a_disk_that_takes_nothing_is_one_error(
    tmp_path: Path, tiny_checkpoint: Path, what: str, mounted: str, said: str
) -> None:
    """A real file system, full or read-only: the error names what could not be written, and why."""
    disk = tmp_path / "disk"
    disk.mkdir()
    out = disk / {"copy": "copy.aedat4"}.get(what, what)
    replay = ("replay", SAMPLE, "--checkpoint", tiny_checkpoint, "--speed", "max", "--stop", 3)
    told = {
        "labels": (*replay, "--output", out),
        "copy": ("convert", SAMPLE, out),
        "checkpoint": (*replay, "--save", out),
        "session": (
            *("adapt", "--camera", SAMPLE, "--session", out, "--checkpoint", tiny_checkpoint),
        ),
        "keys": ("keys", "make", "robot", "--folder", disk),
    }[what]
    # What is small fits 64 KiB: there is no room at all.
    fill = 'cat /dev/zero > "$0"/rest 2>/dev/null;' if mounted.startswith("size") else ""
    script = (
        f'mount -t tmpfs -o {mounted} none "$0" || exit 99; {fill} "$@"; status=$?;'
        'rm -f "$0"/rest; ls -A "$0" > "$0".left; exit $status'
    )
    done = _run_in([*IN_NAMESPACE, "sh", "-c", script, str(disk)], told)
    assert done.returncode == 2, done.stderr
    assert re.search(said, done.stderr)
    assert str(disk) in done.stderr
    assert "Traceback" not in done.stderr
    if what != "session":
        assert Path(f"{disk}.left").read_text() == "", "a piece is left"
    assert len(done.stderr.splitlines()) <= 2, done.stderr


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
