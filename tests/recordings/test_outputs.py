"""Files to be written that are read, or written twice."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from drivers.errors import InputError
from recordings.outputs import check_outputs, place_of_output


@pytest.fixture
def recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file in the current folder, with two other names."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "recording"
    path.write_bytes(b"events")
    (tmp_path / "link").symlink_to(path)
    os.link(path, tmp_path / "hard")
    (tmp_path / "nowhere").symlink_to(tmp_path / "absent")
    return path


@pytest.mark.parametrize("name", ["recording", "./recording", "x/../recording", "link", "hard"])
def test_what_is_read_is_not_written_over(recording: Path, name: str) -> None:
    """Whatever the path is written like, and through links."""
    (recording.parent / "x").mkdir()
    with pytest.raises(InputError, match=r"--output .*: got a file that is read"):
        check_outputs({"--save": None, "--output": Path(name)}, [None, recording])


@pytest.mark.parametrize(
    ("one", "other"), [("new", "./new"), ("nowhere", "absent"), ("link", "recording")]
)
def test_one_file_is_not_written_twice(recording: Path, one: str, other: str) -> None:
    """Files that are not there yet too."""
    with pytest.raises(InputError, match=r"--summary .*: got the file of --output too"):
        check_outputs({"--output": Path(one), "--summary": Path(other)}, [])


def test_files_of_their_own_are_fine(recording: Path) -> None:
    """New ones and others that are there, whatever is read; what is read may be absent."""
    check_outputs(
        {"--output": Path("nowhere"), "--summary": recording, "--save": Path("s")},
        [Path("away/recording"), recording.parent],
    )


def test_a_link_is_followed(recording: Path) -> None:
    """What it points to is written, there already or not; the link stays."""
    folder = recording.parent
    assert place_of_output("--output", Path("link")) == recording
    assert place_of_output("--output", Path("nowhere")) == folder / "absent"


@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "link to a device"])
def test_only_files_are_written_over(recording: Path, kind: str) -> None:
    """Renaming a file to a device's name would take the device away from everybody."""
    path = recording.parent / kind
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path = Path(os.devnull)
    else:
        path.symlink_to(os.devnull)
    got = "a folder" if kind == "folder" else "a device or a pipe, not a file"
    with pytest.raises(InputError, match=f"--save .*: got {got}"):
        check_outputs({"--save": path}, [])
