from pathlib import Path

import pytest

from drivers.errors import InputError
from pipeline.growing_file import GrowingFile


def test_every_line_is_there_once_it_is_written(tmp_path: Path) -> None:
    """Under its name, in place of what was there until the first; nothing lies beside it."""
    path = tmp_path / "out"
    path.write_bytes(b"old\n")
    with GrowingFile(path) as file:
        assert path.read_bytes() == b"old\n"
        file.write(b"one\n")
        assert path.read_bytes() == b"one\n"
        file.write(b"two\n")
        assert path.read_bytes() == b"one\ntwo\n"
        assert list(tmp_path.iterdir()) == [path]
        file.commit()
    assert path.read_bytes() == b"one\ntwo\n"


def test_lines_stay_without_commit(tmp_path: Path) -> None:
    """Whoever fails on the way keeps what was written until then."""
    with GrowingFile(tmp_path / "out") as file:
        file.write(b"one\n")
    assert (tmp_path / "out").read_bytes() == b"one\n"


def test_without_a_line_the_old_file_stays(tmp_path: Path) -> None:
    """Nothing is left of one that was never written to; committed, it is there and empty."""
    path = tmp_path / "out"
    path.write_bytes(b"old\n")
    with GrowingFile(path):
        pass
    assert path.read_bytes() == b"old\n"
    assert list(tmp_path.iterdir()) == [path]
    with GrowingFile(path) as file:
        file.commit()
    assert path.read_bytes() == b""


def test_a_folder_is_refused(tmp_path: Path) -> None:
    """As of every file that is written."""
    with pytest.raises(InputError, match="output file"):
        GrowingFile(tmp_path)
