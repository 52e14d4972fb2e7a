"""What must hold of any bytes that are opened as a recording."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from drivers.errors import InputError
from recordings.aedat4 import Aedat4Reader
from recordings.formats import Format, Recording, open_recording
from tests.fuzz import counts
from tests.recordings.packet_checks import check_contract

_COUNTS: dict[Format, Callable[[bytes], int]] = {
    Format.AEDAT2: counts.aedat2_records,
    Format.AEDAT31: counts.aedat31_events,
    Format.EVT2: counts.evt2_events,
    Format.EVT3: counts.evt3_events,
    Format.DAT: counts.dat_events,
    Format.ES: counts.es_events,
}


def check_recording(data: bytes, folder: Path) -> bool:
    """Open and read these bytes; whether they were a recording.

    Raises `AssertionError` for packets that break the contract and for an event that is neither
    given out, nor counted, nor said to be lost by `damage`.
    """
    path = folder / "case"
    path.write_bytes(data)
    try:
        recording = open_recording(path)
        packets = list(recording)
    except InputError as error:
        assert str(path) in str(error), error
        assert "\n" not in str(error), error
        return False
    check_contract(packets)
    given = sum(packet.events.size for packet in packets)
    accounted = given + recording.events_off_sensor
    if recording.format is Format.AEDAT2:
        accounted += recording.counts.special
    expected = _expected(data, recording)
    if expected is not None:
        assert accounted <= expected, f"{accounted} events of {expected}"
        if recording.damage is None:
            assert accounted == expected, f"{accounted} events of {expected}, nothing said"
    assert recording.damage is None or "\n" not in recording.damage, recording.damage
    return True


def _expected(data: bytes, recording: Recording) -> int | None:
    if recording.format is not Format.AEDAT4:
        return _COUNTS[recording.format](data)
    reader = recording._reader
    assert isinstance(reader, Aedat4Reader)
    layout = reader._layout
    stop = len(data) if layout.table_at < 0 else min(len(data), layout.table_at)
    stream = -1 if reader._stream is None else reader._stream
    return counts.aedat4_events(data, layout.compression, layout.start, stop, stream)
