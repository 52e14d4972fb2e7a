"""Temporary folders, and what becomes of those of processes that were killed."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from pipeline.temporary_folder import TemporaryFolder

ROOT = Path(__file__).resolve().parents[2]


def killed_with_a_folder(base: Path) -> Path:
    """A folder with a file in it, whose process was killed."""
    code = (
        "import sys, time; from pathlib import Path\n"
        "from pipeline.temporary_folder import TemporaryFolder\n"
        "folder = TemporaryFolder('tests', Path(sys.argv[1]))\n"
        "(folder.path / 'file').write_text('x'); print(folder.path, flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, base], stdout=subprocess.PIPE, cwd=ROOT, text=True
    ) as process:
        assert process.stdout is not None
        path = Path(process.stdout.readline().strip())
        os.kill(process.pid, signal.SIGKILL)
    return path


def test_it_is_private_and_goes_when_it_is_closed(tmp_path: Path) -> None:
    """With what is in it; closing again does no harm, not even to what came after."""
    with TemporaryFolder("tests", tmp_path) as folder:
        assert folder.path.name.startswith("wigwag-tests-")
        assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
        (folder.path / "file").write_text("x")
    assert not folder.path.exists()
    folder.path.mkdir()
    folder.close()
    assert folder.path.exists()


def test_what_a_killed_process_left_goes_with_the_next_one(tmp_path: Path) -> None:
    """Of the same kind; nothing else is touched."""
    left = killed_with_a_folder(tmp_path)
    assert (left / "file").exists()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "wigwag-tests-link").symlink_to(elsewhere)
    (tmp_path / "wigwag-tests-file").write_text("x")
    with TemporaryFolder("other", tmp_path):
        assert left.exists()
    with TemporaryFolder("tests", tmp_path):
        assert not left.exists()
    assert elsewhere.exists()
    assert (tmp_path / "wigwag-tests-file").exists()


def test_what_is_in_use_stays(tmp_path: Path) -> None:
    """Of this process and of others, however many are made beside them."""
    with TemporaryFolder("tests", tmp_path) as one, TemporaryFolder("tests", tmp_path) as two:
        (one.path / "file").write_text("x")
        code = (
            "import sys; from pathlib import Path\n"
            "from pipeline.temporary_folder import TemporaryFolder\n"
            "TemporaryFolder('tests', Path(sys.argv[1])).close()\n"
        )
        subprocess.run([sys.executable, "-c", code, tmp_path], cwd=ROOT, check=True)
        assert (one.path / "file").exists()
        assert two.path.exists()
    assert list(tmp_path.iterdir()) == []


def test_folders_that_are_taken_away_at_once_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not an endless loop."""
    made = tempfile.mkdtemp

    def removed_at_once(**where: object) -> str:
        path = made(**where)  # type: ignore[call-overload]
        Path(path).rmdir()
        return str(path)

    monkeypatch.setattr(tempfile, "mkdtemp", removed_at_once)
    with pytest.raises(OSError, match="removed at once"):
        TemporaryFolder("tests", tmp_path)


def test_a_file_system_without_locks_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folders there are used and removed as ever; what was left behind stays."""
    left = killed_with_a_folder(tmp_path)

    def refused(_descriptor: int, _operation: int) -> None:
        raise OSError(errno.EBADF, "no locks here")

    monkeypatch.setattr(fcntl, "flock", refused)
    with TemporaryFolder("tests", tmp_path) as folder:
        assert folder.path.is_dir()
        assert left.is_dir()
    assert list(tmp_path.iterdir()) == [left]
