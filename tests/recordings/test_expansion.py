"""How large compressed data may become, told before anything is decompressed."""

import struct
import tracemalloc
from pathlib import Path

import lz4.frame
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from recordings.aedat4_writer import VERSION_LINE
from recordings.expansion import most_expanded
from recordings.formats import open_recording
from tests.fuzz.seeds import aedat4

ZSTD_MAGIC, LZ4_MAGIC = b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18"


@given(st.binary(max_size=400_000), st.sampled_from([1, 3, 9]), st.booleans())
def test_nothing_becomes_larger_than_was_told(data: bytes, level: int, is_lz4: bool) -> None:
    """Of either compression, at any level, one frame or two."""
    pack = lz4.frame.compress if is_lz4 else zstandard.ZstdCompressor(level=level).compress
    assert len(data) <= most_expanded(pack(data))
    assert 2 * len(data) <= most_expanded(pack(data) * 2)


@given(st.binary(max_size=200), st.sampled_from([ZSTD_MAGIC, LZ4_MAGIC, b""]))
def test_anything_can_be_asked_about(data: bytes, magic: bytes) -> None:
    """Damaged frames too; the answer is a size, and it comes."""
    assert most_expanded(magic + data) >= 0


def _bomb(compression: str) -> bytes:
    """A packet of some kilobytes that becomes a gigabyte."""
    if compression == "lz4":
        return lz4.frame.compress(bytes(1 << 28))
    # Blocks of one byte that is repeated 128 KiB times, with no size said in the header.
    block = ((128 << 10) << 3 | 1 << 1).to_bytes(3, "little") + b"\0"
    return ZSTD_MAGIC + b"\x00\x58" + block * 8192


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_a_bomb_is_refused_before_memory_is_taken(compression: str, tmp_path: Path) -> None:
    """A packet that promises more than any camera sends is damage, said as such."""
    bomb = _bomb(compression)
    assert most_expanded(bomb) >= 1 << 28
    data = next(data for data in aedat4() if bomb[:4] in data)
    start = len(VERSION_LINE)
    start += 4 + int.from_bytes(data[start : start + 4], "little")
    path = tmp_path / "bomb.aedat4"
    packet = struct.pack("<ii", 0, len(bomb)) + bomb
    path.write_bytes(data[:start] + packet + data[start:])
    tracemalloc.start()
    recording = open_recording(path)
    assert sum(packet.events.size for packet in recording) == 0
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert recording.damage is not None
    assert "decompressed" in recording.damage
    assert peak < 64 << 20
