"""The two files of pinned versions."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_hashes_are_of_the_pinned_versions() -> None:
    """Every pinned package but torch and those of `make peers` has its hashes, and none else."""
    mine = (ROOT / "constraints.txt").read_text().split("# what `make peers` installs")[0]
    pinned = set(re.findall(r"^(\S+==\S+)$", mine, re.MULTILINE))
    text = (ROOT / "constraints-hashes.txt").read_text()
    hashed = dict(
        re.findall(r"^(\S+==\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}.*\n)+)", text, re.M)
    )
    assert set(hashed) == {pin for pin in pinned if not pin.startswith("torch==")}
    assert len(hashed) == len(re.findall("==", text))
