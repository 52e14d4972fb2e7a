import os
from pathlib import Path

import pytest

from drivers.errors import InputError
from pipeline.atomic_file import AtomicFile, write_atomically


def test_a_committed_file_is_whole(tmp_path: Path) -> None:
    """After commit the file holds everything and nothing else lies beside it."""
    with AtomicFile(tmp_path / "out") as file:
        file.write(b"one\n")
        assert not (tmp_path / "out").exists()
        file.write(b"two\n")
        file.commit()
    assert (tmp_path / "out").read_bytes() == b"one\ntwo\n"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_without_commit_the_old_file_stays(tmp_path: Path) -> None:
    """Leaving early drops what was written and keeps what was there."""
    (tmp_path / "out").write_bytes(b"old")
    with AtomicFile(tmp_path / "out") as file:
        file.write(b"new")
    assert (tmp_path / "out").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """What it points to is replaced."""
    (tmp_path / "out").write_bytes(b"old")
    (tmp_path / "link").symlink_to("out")
    write_atomically(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "out").read_bytes() == b"new"


def test_a_pipe_stays_a_pipe(tmp_path: Path) -> None:
    """So would a device, whose place anybody may count on."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="not a file"):
        write_atomically(tmp_path / "pipe", b"new")
    assert (tmp_path / "pipe").is_fifo()


def test_an_impossible_path_is_one_clear_error(tmp_path: Path) -> None:
    """A missing folder, and a folder as target, are InputErrors at once."""
    for path in (tmp_path / "none" / "out", tmp_path):
        with pytest.raises(InputError, match="output file"):
            AtomicFile(path)
