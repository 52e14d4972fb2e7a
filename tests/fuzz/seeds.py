"""What is mutated: small files of the project's own, and beginnings of real recordings."""

from __future__ import annotations

import os
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from drivers.events import EVENT_DTYPE, Events, SensorSize
from recordings.aedat4_writer import Aedat4Writer
from recordings.aedat31_writer import Aedat31Writer

REAL = Path(os.environ.get("WIGWAG_DATA", Path(__file__).parents[3] / "shared" / "data"), "formats")
SENSOR = SensorSize(128, 96)
_SHORT = 3000
_LONG = 20_000
"""Bytes of a real AEDAT4 file: its header and first packets."""


def some_events(count: int = 200) -> Events:
    """Events of a 128x96 sensor over some milliseconds, several in one microsecond."""
    random = np.random.default_rng(3)
    events = np.empty(count, dtype=EVENT_DTYPE)
    events["t"] = 1_000_000 + np.cumsum(random.choice([0, 1, 60], count))
    events["x"] = random.integers(0, SENSOR.width, count)
    events["y"] = random.integers(0, SENSOR.height, count)
    events["on"] = random.random(count) < 0.5
    return events


def aedat2() -> list[bytes]:
    """AEDAT 2.0 of a DVS128, with header lines and without."""
    events = some_events()
    pairs = np.empty((events.size, 2), dtype=">u4")
    pairs[:, 0] = (events["y"].astype(np.uint32) << 8) | (events["x"] << 1) | events["on"]
    pairs[:, 1] = events["t"]
    chip = b"#!AER-DAT2.0\r\n# AEChip: ch.unizh.ini.jaer.chip.retina.DVS128\r\n"
    davis = b"#!AER-DAT2.0\r\n# AEChip: DAVIS346\r\n#End Of ASCII Header\r\n"
    bare = b"#!AER-DAT2.0\r\n"
    body = pairs.tobytes()
    return [chip + body, bare + body, davis + body, *_real("aedat2_moving_dark_box.aedat", 8000)]


def aedat31() -> list[bytes]:
    """AEDAT 3.1 in packets of some events, with a packet of special events before the last."""
    whole = _written(lambda path: Aedat31Writer(path, SENSOR))
    special = struct.pack("<hhiiiiii", 0, 1, 8, 4, 0, 2, 2, 2) + bytes(16)
    return [whole, whole + special + whole[-36:]]


def aedat4() -> list[bytes]:
    """AEDAT4 in both compressions, and real ones, with frames and two cameras among them."""
    return [
        _written(lambda path: Aedat4Writer(path, SENSOR, compression="lz4")),
        _written(lambda path: Aedat4Writer(path, SENSOR, compression="zstd")),
        *_real("aedat4_empty_stereo.aedat4", _LONG),
        *_real("aedat4_small.aedat4", _LONG),
        *_real("aedat4_davis346_frames_imu_triggers.aedat4", _LONG),
    ]


def evt2() -> list[bytes]:
    """EVT2 with a size in its header and without."""
    words, high = [], -1
    for t, x, y, on in some_events().tolist():
        if t >> 6 != high:
            high = t >> 6
            words.append(0x8000_0000 | high)
        words.append(int(on) << 28 | (t & 63) << 22 | x << 11 | y)
    body = struct.pack(f"<{len(words)}I", *words)
    sized = b"% evt 2.0\n% geometry 128x96\n% end\n"
    return [sized + body, b"% evt 2.0\n" + body, *_real("evt2.raw", _SHORT)]


def evt3() -> list[bytes]:
    """EVT3 with single events and vectors."""
    words: list[int] = []
    for t, x, y, on in some_events().tolist():
        words += [0x8000 | (t >> 12) & 0xFFF, 0x6000 | t & 0xFFF, y, 0x2000 | int(on) << 11 | x]
        if x < 100:
            words += [0x3000 | int(on) << 11 | x, 0x4000 | (t * 37) & 0xFFF, 0x5000 | x & 0xFF]
    body = struct.pack(f"<{len(words)}H", *words)
    return [b"% evt 3.0\n% geometry 128x96\n% end\n" + body, *_real("evt3.raw", _SHORT)]


def dat() -> list[bytes]:
    """DAT of CD events."""
    rows = [(t, int(on) << 28 | y << 14 | x) for t, x, y, on in some_events().tolist()]
    body = b"".join(struct.pack("<2I", *row) for row in rows)
    head = b"% Data file containing CD events.\n% Version 2\n% Width 128\n% Height 96\n"
    return [head + b"\x0c\x08" + body, *_real("dat_gen4.dat", _SHORT)]


def es() -> list[bytes]:
    """Event Stream of DVS events."""
    data = bytearray(b"Event Stream\x02\0\0\x01" + struct.pack("<HH", SENSOR.width, SENSOR.height))
    before = 0
    for t, x, y, on in some_events().tolist():
        step = t - before
        data += b"\xff" * (step // 127)
        data += struct.pack("<BHH", (step % 127) << 1 | int(on), x, y)
        before = t
    return [bytes(data), *_real("es_dvs.es", _SHORT)]


def _written(make: Callable[[Path], Aedat31Writer | Aedat4Writer]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "seed")
        with make(path) as writer:
            for part in np.array_split(some_events(), 4):
                writer.write(part)
                writer._flush()  # small packets, as a camera at rest makes them
        return path.read_bytes()


def _real(name: str, size: int) -> list[bytes]:
    path = REAL / name
    if not path.is_file():
        return []
    with path.open("rb") as file:
        return [file.read(size)]
