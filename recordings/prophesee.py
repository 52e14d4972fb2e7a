"""EVT2, EVT3 and DAT read: words behind a header of text, without packets and without an end.

A file that is cut exactly between two of its words is just a shorter file, and only a cut inside
one shows. https://docs.prophesee.ai/stable/data/encoding_formats/evt2.html and, for DAT,
https://docs.prophesee.ai/stable/data/file_formats/dat.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from drivers.events import EVENT_DTYPE, Events
from recordings.clocks import Clock32
from recordings.evt3_words import Evt3Decoder
from recordings.prophesee_header import read_prophesee_header
from recordings.reading import (
    BLOCK_EVENTS,
    Chunk,
    FileDamage,
    Format,
    ReadCounts,
    not_readable,
    open_file,
)

Decode = Callable[[bytes], tuple[Events, int]]
"""Whole words in, their events and the number of triggers among them out."""

_WORD_BYTES = {Format.EVT2: 4, Format.EVT3: 2, Format.DAT: 8}
_CD_OFF, _CD_ON, _TIME_HIGH, _TRIGGER = 0x0, 0x1, 0x8, 0xA
_HIGH_MASK = 0x0FFF_FFFF


class PropheseeReader:
    """Events of a file in one of Prophesee's formats. Row 0 is the upper one."""

    def __init__(self, path: Path, file_format: Format) -> None:
        """Read the header. Raises `InputError` where it does not fit the format."""
        self._path = path
        self._format = file_format
        header = read_prophesee_header(path)
        self._data_at = header.data_at
        if file_format is Format.DAT:
            # Behind the text stand the type of the events and their size in bytes.
            with open_file(path) as file:
                file.seek(header.data_at)
                kind = file.read(2)
            if kind not in (b"\x0c\x08", b"\x00\x08"):
                raise not_readable(path, header.data_at, f"event type {kind!r}", "b'\\x0c\\x08'")
            self._data_at += len(kind)
        self.sensor, self.notes = header.sensor_or_assumed()

    def chunks(self, counts: ReadCounts) -> Iterator[Chunk]:
        """See `Reader`."""
        decode = _decoder(self._format)
        word = _WORD_BYTES[self._format]
        with open_file(self._path) as file:
            offset = file.seek(self._data_at)
            while data := file.read(BLOCK_EVENTS * word):
                left = len(data) % word
                events, triggers = decode(data[: len(data) - left])
                counts.special += triggers
                yield Chunk(offset, events)
                offset += len(data)
                if left:
                    raise FileDamage(offset - left, f"word of {word} bytes cut after {left}")


def _decoder(file_format: Format) -> Decode:
    if file_format is Format.EVT3:
        evt3 = Evt3Decoder()
        return lambda data: evt3.decode(np.frombuffer(data, dtype="<u2"))
    return _Dat() if file_format is Format.DAT else _Evt2()


class _Evt2:
    """Words of 32 bits: events with the lower 6 bits of their time, and the upper 28 bits."""

    def __init__(self) -> None:
        # Events before the first upper part are at the stream's beginning.
        self._high = 0
        self._begun = False

    def __call__(self, data: bytes) -> tuple[Events, int]:
        words = np.frombuffer(data, dtype="<u4")
        kind = words >> np.uint32(28)
        is_event = kind <= _CD_ON
        chosen = words[is_event]
        t = self._highs(words, kind == _TIME_HIGH)[is_event] << 6
        t += (chosen >> np.uint32(22)) & np.uint32(63)
        events = np.empty(chosen.size, dtype=EVENT_DTYPE)
        events["t"] = t.view(np.uint64)
        events["x"] = (chosen >> np.uint32(11)) & np.uint32(0x7FF)
        events["y"] = chosen & np.uint32(0x7FF)
        events["on"] = kind[is_event] == _CD_ON
        return events, int(np.count_nonzero(kind == _TRIGGER))

    def _highs(
        self, words: npt.NDArray[np.uint32], is_high: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.int64]:
        """The upper part of the time that holds at each word, carried on beyond 28 bits."""
        given = (words[is_high] & np.uint32(_HIGH_MASK)).astype(np.int64)
        if given.size == 0:
            return np.full(words.size, self._high, dtype=np.int64)
        start = self._high if self._begun else int(given[0])
        steps = np.diff(given, prepend=start & _HIGH_MASK)
        # The shorter way round: a wrap goes on, a step back goes back.
        half = (_HIGH_MASK + 1) // 2
        steps = ((steps + half) & _HIGH_MASK) - half
        highs: npt.NDArray[np.int64] = np.concatenate(([self._high], start + np.cumsum(steps)))
        self._high, self._begun = int(highs[-1]), True
        return highs[np.cumsum(is_high)]


class _Dat:
    """Pairs of 32 bits: a time that wraps; column, row and polarity in 14, 14 and 4 bits."""

    def __init__(self) -> None:
        self._clock = Clock32()

    def __call__(self, data: bytes) -> tuple[Events, int]:
        pairs = np.frombuffer(data, dtype="<u4").reshape(-1, 2)
        place = pairs[:, 1]
        events = np.empty(len(pairs), dtype=EVENT_DTYPE)
        events["t"] = self._clock.carry_on(pairs[:, 0]).view(np.uint64)
        events["x"] = place & np.uint32(0x3FFF)
        events["y"] = (place >> np.uint32(14)) & np.uint32(0x3FFF)
        events["on"] = (place >> np.uint32(28)) != 0
        return events, 0
