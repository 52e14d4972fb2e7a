from pathlib import Path

import pytest

from drivers.errors import InputError
from pipeline.folder_claim import FolderClaim
from pipeline.session_folder import SessionFolder


def test_what_came_since_is_taken_back(tmp_path: Path) -> None:
    """Files, folders, and those on the way that were made; what was there before stays."""
    new = FolderClaim(SessionFolder(tmp_path / "made" / "new"))
    folder = tmp_path / "old"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    old = FolderClaim(SessionFolder(folder))
    for claim in (new, old):
        claim.folder.events.write_bytes(b"events")
        (claim.folder.path / "clips").mkdir()
        (claim.folder.path / "clips" / "given.npz").write_bytes(b"clips")
        claim.take_back()
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


def test_a_folder_is_claimed_once(tmp_path: Path) -> None:
    """Of two sessions that start in it at the same time the second is refused, and removes nothing
    of the first.
    """
    folder = SessionFolder(tmp_path)
    FolderClaim(folder)
    folder.labels.write_bytes(b"said\n")
    with pytest.raises(InputError, match="got one in which a session starts"):
        FolderClaim(folder)
    assert folder.labels.read_bytes() == b"said\n"


def test_a_folder_with_a_session_is_refused(tmp_path: Path) -> None:
    """As is one that cannot be made."""
    (tmp_path / "log.jsonl").touch()
    for path in (tmp_path, tmp_path / "log.jsonl" / "inside"):
        with pytest.raises(InputError, match="session folder"):
            FolderClaim(SessionFolder(path))
