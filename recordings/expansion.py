"""How large compressed data become at most, told from the headers of their blocks alone.

Nothing is decompressed, so a few bytes that promise gigabytes are found out in microseconds.
Zstandard: RFC 8878; LZ4: https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md
"""

from __future__ import annotations

_LZ4_MAGIC = 0x184D_2204
_ZSTD_MAGIC = 0xFD2F_B528
_SKIPPABLE = range(0x184D_2A50, 0x184D_2A60)
_ZSTD_BLOCK = 128 << 10
_LZ4_MOST = 255
"""Bytes that one byte of LZ4 can become."""


def most_expanded(data: bytes | memoryview) -> int:
    """Bytes that LZ4 or Zstandard frames, one behind the other, cannot exceed decompressed.

    Of damaged data it counts what stands before the damage, which is as far as a decoder comes.
    """
    at = total = 0
    while at + 4 <= len(data):
        magic = _number(data, at, 4)
        if magic == _ZSTD_MAGIC:
            at, most = _zstd_frame(data, at + 4)
        elif magic == _LZ4_MAGIC:
            at, most = _lz4_frame(data, at + 4)
        elif magic in _SKIPPABLE:
            at, most = at + 8 + _number(data, at + 4, 4), 0
        else:
            break
        total += most
    return total


def _zstd_frame(data: bytes | memoryview, at: int) -> tuple[int, int]:
    """Where a frame ends whose magic number ends at `at`, and its size at most."""
    descriptor = _number(data, at, 1)
    single = descriptor >> 5 & 1
    at += 1 + (0 if single else 1) + (0, 1, 2, 4)[descriptor & 3]
    at += (single, 2, 4, 8)[descriptor >> 6]
    most = 0
    while at + 3 <= len(data):
        header = _number(data, at, 3)
        kind, size = header >> 1 & 3, header >> 3
        most += _ZSTD_BLOCK if kind == 2 else size
        at += 3 + (1 if kind == 1 else size)
        if header & 1 or kind == 3:
            break
    return at + (4 if descriptor >> 2 & 1 else 0), most


def _lz4_frame(data: bytes | memoryview, at: int) -> tuple[int, int]:
    """Where a frame ends whose magic number ends at `at`, and its size at most."""
    flags, limits = _number(data, at, 1), _number(data, at + 1, 1)
    block = 1 << (8 + 2 * (limits >> 4 & 7))
    at += 3 + (8 if flags & 8 else 0) + (4 if flags & 1 else 0)
    most = 0
    while at + 4 <= len(data):
        word = _number(data, at, 4)
        at += 4
        if not word:
            break
        size = word & 0x7FFF_FFFF
        most += size if word >> 31 else min(block, size * _LZ4_MOST)
        at += size + (4 if flags & 16 else 0)
    return at + (4 if flags & 4 else 0), most


def _number(data: bytes | memoryview, at: int, width: int) -> int:
    return int.from_bytes(data[at : at + width], "little")
