"""AEDAT4 files taken apart and put together, so that mutations reach what is compressed."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from random import Random

import lz4.frame
import zstandard

from recordings.aedat4_writer import VERSION_LINE
from tests.fuzz.mutations import mutate, mutate_number

_MAX_PACKET = 1 << 22
_START = len(VERSION_LINE)


def mutate_aedat4(seed: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """A change of header or packets, with lengths and checksums that fit what was changed."""
    length = int.from_bytes(seed[_START : _START + 4], "little")
    header, at = seed[_START + 4 : _START + 4 + length], _START + 4 + length
    packets = []
    while at + 8 <= len(seed):
        stream, size = struct.unpack_from("<ii", seed, at)
        if size < 0 or at + 8 + size > len(seed):
            break
        packets.append((stream, seed[at + 8 : at + 8 + size]))
        at += 8 + size
    compression = random.choice((0, 1, 3))
    data = VERSION_LINE
    if random.randrange(6) == 0:
        header = mutate(header, (), random)
    elif header.count(b"<?xml") or b"<dv" in header:
        # The codec stands at no fixed place; the packets are packed as the file says.
        compression = -1
    data += len(header).to_bytes(4, "little") + header
    chosen = random.randrange(len(packets)) if packets else -1
    for number, (stream, payload) in enumerate(packets):
        packed = payload
        if number == chosen:
            packed = _repacked(payload, random, compression)
            if random.randrange(6) == 0:
                stream = mutate_number(stream, random) % (1 << 31)
        data += struct.pack("<ii", stream, len(packed)) + packed
    return data + seed[at:]


def _repacked(payload: bytes, random: Random, compression: int) -> bytes:
    """The packet unpacked, mutated and packed again in its own way."""
    if payload[:4] == b"\x04\x22\x4d\x18":
        plain = lz4.frame.LZ4FrameDecompressor().decompress(payload, max_length=_MAX_PACKET)
        return bytes(lz4.frame.compress(_inner(plain, random)))
    if payload[:4] == b"\x28\xb5\x2f\xfd":
        with zstandard.ZstdDecompressor().stream_reader(payload) as reader:
            plain = reader.read(_MAX_PACKET)
        return zstandard.ZstdCompressor().compress(_inner(plain, random))
    return _inner(payload, random) if compression else mutate(payload, (), random)


def _inner(plain: bytes, random: Random) -> bytes:
    kind = random.randrange(8)
    if kind == 0:  # promises more than it is
        return plain[: random.randrange(len(plain) + 1)]
    if kind == 1:  # a bomb of a mebibyte
        return plain + bytes(1 << 20)
    changed = mutate(plain, (), random)
    # The length before a flatbuffer fits again, so that what is behind it is looked at.
    return len(changed[4:]).to_bytes(4, "little") + changed[4:] if kind < 6 else changed
