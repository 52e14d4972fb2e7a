"""How many events a file of each format holds, counted anew and apart from the readers.

Each takes the bytes of a file and gives the number of events that stand in it whole, or None where
that cannot be said of a file that is so broken. Written from the formats' descriptions, slowly.
"""

from __future__ import annotations

import struct

import lz4.frame
import zstandard

_MAX_PACKET = 1 << 25


def aedat2_records(data: bytes) -> int:
    """Pairs of address and time behind the header lines: events and others."""
    at = 0
    while data[at : at + 1] == b"#":
        end = data.find(b"\n", at) + 1
        line = data[at:end].rstrip(b"\r\n")
        if not end or not line.isascii() or b"\0" in line:
            break
        at = end
        if line == b"#End Of ASCII Header":
            break
    return (len(data) - at) // 8


def aedat31_events(data: bytes) -> int:
    """Valid polarity events of the first source that has any, up to the first broken packet."""
    at, line = 0, b""
    while line != b"#!END-HEADER":
        end = data.index(b"\n", at) + 1
        at, line = end, data[at:end].rstrip(b"\r\n")
    count = 0
    source = None
    while at + 28 <= len(data):
        kind, its_source, size, _, _, _, number, _ = struct.unpack_from("<hhiiiiii", data, at)
        body = size * number
        if size <= 0 or number < 0 or at + 28 + body > len(data):
            break
        if kind == 1 and size == 8 and source in (None, its_source):
            source = its_source
            first = at + 28
            count += sum(data[place] & 1 for place in range(first, first + body, 8))
        at += 28 + body
    return count


def prophesee_words(data: bytes) -> bytes:
    """What stands behind the `%` lines."""
    at = 0
    while data[at : at + 2] == b"% ":
        end = data.find(b"\n", at) + 1
        try:
            data[at:end].decode()
        except UnicodeDecodeError:
            break
        if not end:
            break
        at, line = end, data[at:end]
        if line[2:].strip().lower().split(b" ")[0] == b"end":
            break
    return data[at:]


def evt2_events(data: bytes) -> int:
    """Words of type CD_OFF or CD_ON."""
    words = prophesee_words(data)
    return sum(word >> 28 <= 1 for (word,) in struct.iter_unpack("<I", words[: len(words) & ~3]))


def evt3_events(data: bytes) -> int:
    """Single events and the set bits of vectors."""
    words = prophesee_words(data)
    count = 0
    for (word,) in struct.iter_unpack("<H", words[: len(words) & ~1]):
        kind = word >> 12
        if kind == 2:
            count += 1
        elif kind == 4:
            count += (word & 0xFFF).bit_count()
        elif kind == 5:
            count += (word & 0xFF).bit_count()
    return count


def dat_events(data: bytes) -> int:
    """Pairs of words behind the two bytes of the event type."""
    return max(0, len(prophesee_words(data)) - 2) // 8


def es_events(data: bytes) -> int:
    """Whole DVS events behind the header of 20 bytes."""
    at, count = 20, 0
    while at < len(data):
        if data[at] >= 0xFE:
            at += 1
        elif at + 5 <= len(data):
            at, count = at + 5, count + 1
        else:
            break
    return count


def aedat4_events(data: bytes, compression: int, start: int, stop: int, stream: int) -> int | None:
    """Events in the packets of one stream in `data[start:stop]`; None where one is unreadable."""
    at, count = start, 0
    while at + 8 <= stop:
        number, size = struct.unpack_from("<ii", data, at)
        if size < 0 or at + 8 + size > len(data):
            return None
        if number == stream:
            found = _aedat4_packet(data[at + 8 : at + 8 + size], compression)
            if found is None:
                return None
            count += found
        at += 8 + size
    return count


def _aedat4_packet(data: bytes, compression: int) -> int | None:
    try:
        if compression in (1, 2):
            data = lz4.frame.LZ4FrameDecompressor().decompress(data, max_length=_MAX_PACKET)
        elif compression in (3, 4):
            with zstandard.ZstdDecompressor().stream_reader(data) as reader:
                data = reader.read(_MAX_PACKET)
        if data[8:12] != b"EVTS":
            return 0
        table = 4 + struct.unpack_from("<I", data, 4)[0]
        fields = table - struct.unpack_from("<i", data, table)[0]
        (size,) = struct.unpack_from("<H", data, fields)
        offset = struct.unpack_from("<H", data, fields + 4)[0] if size >= 6 else 0
        if not offset:
            return 0
        vector = table + offset
        vector += struct.unpack_from("<I", data, vector)[0]
        return int(struct.unpack_from("<I", data, vector)[0])
    except (RuntimeError, zstandard.ZstdError, struct.error):
        return None
