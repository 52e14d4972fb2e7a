"""Recordings of every format, opened as sources of packets."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.errors import InputError
from drivers.events import EVENT_DTYPE, EventPacket, Events, EventSource, SensorSize, empty_events
from recordings.aedat4_writer import Aedat4Writer
from recordings.aedat31_writer import HEADER_DTYPE, POLARITY_DTYPE, Aedat31Writer
from recordings.formats import Format, Recording, detect_format, open_recording

SENSOR = SensorSize(128, 96)


@dataclass(frozen=True)
class Known:
    """A real file and what is in it."""

    name: str
    format: Format
    width: int
    height: int
    events: int
    t_first_us: int | None
    t_last_us: int | None
    digests: str
    """blake2b (8 bytes) of t, x, y, on."""


# fmt: off
KNOWN = [
    Known("dvs128_gesture/dvSave-2024_06_20_15_59_41.aedat4", Format.AEDAT4, 128, 128, 348461, 1718924384950507, 1718924390340512, "e0970fc398f6c41b 736f5f7db3346917 932a7c3eba42d617 94af0c351bf45154"),  # noqa: E501
    Known("dvs128_gesture/dvSave-2024_06_20_16_06_00.aedat4", Format.AEDAT4, 128, 128, 229092, 1718924763850474, 1718924769290477, "bde132d268a7e789 247e56edefba13e3 822486abfcdbf5f7 d28407ce0049b788"),  # noqa: E501
    Known("dvs128_gesture/dvSave-2024_06_20_16_12_48.aedat4", Format.AEDAT4, 128, 128, 188045, 1718925172610885, 1718925178600589, "2f76943c5bdbd6b0 808db9d910b5a77f c4f6158d4f553654 051a0757da965667"),  # noqa: E501
    Known("dvs128_objects/Caixa.aedat", Format.AEDAT2, 128, 128, 374039, 525879511, 558653691, "607ecdb15b280c7c 6f50b65dbc9c0bdd d4ebcf4b9f24aa64 8cff32aa53233eef"),  # noqa: E501
    Known("dvs128_objects/Caneca.aedat", Format.AEDAT2, 128, 128, 518133, 835302848, 868811233, "d03617a3a9a1a557 0919a2f3344e0187 b274feedb6f56c38 215a54ce05a77df1"),  # noqa: E501
    Known("dvs128_objects/Cubo.aedat", Format.AEDAT2, 128, 128, 494435, 1353410779, 1387903299, "ada20bd7e9372cf7 8a51299ff3390c03 dc9282d83dc9ec55 6888dc435e2b5a4d"),  # noqa: E501
    Known("dvs128_objects/Estilete.aedat", Format.AEDAT2, 128, 128, 413436, 1177010601, 1210566875, "33bfa6ec74a829fd 2c2fbb6ec2b55810 20a68ae1b036558b 188ae086658c08d2"),  # noqa: E501
    Known("dvs128_objects/Estilete_1.aedat", Format.AEDAT2, 128, 128, 408860, 1116862269, 1151835924, "6c4ddfb9ca21b194 cc6cf273338ad36e b172bbcd67dc24a0 c6bbf12cf866356a"),  # noqa: E501
    Known("dvs128_objects/Lapiseira.aedat", Format.AEDAT2, 128, 128, 249545, 597323253, 633767504, "5666b6b0e32f3425 79035722f6fc24af 974c05389006bd27 2b7ed1a79484e46a"),  # noqa: E501
    Known("dvs128_objects/Tesoura.aedat", Format.AEDAT2, 128, 128, 263941, 446340208, 479347989, "18aa5c1331ab16c8 48bdea75c4126dc9 f82db565c2a04ad3 344b143d9994e29c"),  # noqa: E501
    Known("formats/aedat2_moving_dark_box.aedat", Format.AEDAT2, 128, 128, 489834, 946459683, 986269729, "f58ba234803c2fdb 69db2eae0fe84d28 2d57e30d32cc9cc0 7afc80004256cf9b"),  # noqa: E501
    Known("formats/aedat4_640x480.aedat4", Format.AEDAT4, 640, 480, 255283, 1631717221674515, 1631717224374502, "674263e5b48049a1 9927ae793b198dfa d683011682fb7d81 9c2c2d82416cd741"),  # noqa: E501
    Known("formats/aedat4_davis346_frames_imu_triggers.aedat4", Format.AEDAT4, 346, 260, 78830, 1589163147368868, 1589163149728813, "8d32f227d94308ee a72c2fc5698304c7 d3b7b8db91f0ed4a d68d1503ef97bada"),  # noqa: E501
    Known("formats/aedat4_empty_stereo.aedat4", Format.AEDAT4, 100, 100, 0, None, None, ""),
    Known("formats/aedat4_frames_only.aedat4", Format.AEDAT4, 346, 260, 0, None, None, ""),
    Known("formats/aedat4_small.aedat4", Format.AEDAT4, 320, 240, 111954, 1605537493718345, 1605537494308262, "23d1bc75aefd465c 52d71e4bacafcca8 0da3ee579c63d301 34e666289795eae1"),  # noqa: E501
    Known("formats/dat_gen4.dat", Format.DAT, 1280, 720, 1218618, 5856, 10773853, "12b6ed8758112278 511f5e25a357eb2d fc1d55f7951bfa1a 8d0104b876c86398"),  # noqa: E501
    Known("formats/es_dvs.es", Format.ES, 320, 240, 473225, 0, 999000, "cd7152b991a403a1 5ff080ad0c595555 928cd5f4ef9cefd2 9d32153733a59bc9"),  # noqa: E501
    Known("formats/evt2.raw", Format.EVT2, 640, 480, 521252, 913716224, 913812095, "27843434a7fe161d 8c24e8d8feabfe29 824317e6690aaf11 6d2603d8238bea58"),  # noqa: E501
    Known("formats/evt3.raw", Format.EVT3, 1280, 720, 1218618, 11200224, 21968221, "d45e7904c0a2de68 511f5e25a357eb2d fc1d55f7951bfa1a 8d0104b876c86398"),  # noqa: E501
]
# fmt: on


def joined(packets: Iterable[EventPacket]) -> Events:
    """All events of some packets."""
    return np.concatenate([empty_events(), *(packet.events for packet in packets)])


def check_contract(packets: list[EventPacket]) -> None:
    """What every source promises of its packets."""
    for seq, packet in enumerate(packets):
        assert packet.seq == seq
        assert packet.t_begin_us < packet.t_end_us
        t = packet.events["t"]
        if t.size:
            assert packet.t_begin_us <= t[0]
            assert t[-1] < packet.t_end_us
            assert not np.any(t[1:] < t[:-1])
    for before, after in pairwise(packets):
        assert before.t_end_us == after.t_begin_us


def raw_aedat31(path: Path, t: list[int], x: list[int] | None = None) -> Path:
    """A file whose times are written as given, however they run."""
    body = np.zeros(len(t), dtype=POLARITY_DTYPE)
    columns = np.array(x if x is not None else [1] * len(t), dtype=np.uint32)
    body["t"], body["data"] = t, (columns << 17) | 1
    header = np.zeros(1, dtype=HEADER_DTYPE)
    header["type"], header["size"], header["time_offset"] = 1, 8, 4
    header["capacity"] = header["number"] = header["valid"] = len(t)
    start = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 0: DVS128\r\n#!END-HEADER\r\n"
    path.write_bytes(start + header.tobytes() + body.tobytes())
    return path


@pytest.fixture
def recording_path(tmp_path: Path, example_events: Events) -> Path:
    """The example events as AEDAT 3.1, under a name that does not say so."""
    path = tmp_path / "example.bin"
    with Aedat31Writer(path, SENSOR) as writer:
        writer.write(example_events)
    return path


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: Path(known.name).name)
def test_real_files_hold_what_they_always_held(real_data: Path, known: Known) -> None:
    """Every real file has its format, size, count, time range and the same bytes per field."""
    with open_recording(real_data / known.name) as recording:
        packets = list(recording)
    events = joined(packets)
    check_contract(packets)
    assert recording.format is known.format
    assert recording.sensor == SensorSize(known.width, known.height)
    assert recording.damage is None
    assert (recording.time_reversals, recording.events_off_sensor) == (0, 0)
    assert events.size == known.events
    assert recording.t_first_us == known.t_first_us
    assert (int(events["t"][-1]) if events.size else None) == known.t_last_us
    digests = [
        hashlib.blake2b(np.ascontiguousarray(events[field]).tobytes(), digest_size=8).hexdigest()
        for field in ("t", "x", "y", "on")
    ]
    assert digests == known.digests.split() or (events.size == 0 and not known.digests)


def test_the_table_names_every_real_recording(real_data: Path) -> None:
    """No real recording is left out of the table above."""
    folders = ("dvs128_gesture", "dvs128_objects", "formats")
    found = {
        f"{folder}/{path.name}" for folder in folders for path in (real_data / folder).iterdir()
    }
    assert found == {known.name for known in KNOWN}


@pytest.mark.parametrize("name", ["formats/evt3.raw", "formats/aedat4_small.aedat4"])
def test_real_events_do_not_depend_on_packet_length(real_data: Path, name: str) -> None:
    """Cut at 1 ms or at the file's own packets, a real file gives the same bytes."""
    path = real_data / name
    fine = list(open_recording(path, packet_us=1000))
    coarse = list(open_recording(path))
    check_contract(fine)
    assert joined(fine).tobytes() == joined(coarse).tobytes()
    assert fine[-1].t_end_us == coarse[-1].t_end_us
    assert {packet.t_end_us - packet.t_begin_us for packet in fine[:-1]} == {1000}


def test_a_recording_is_an_event_source(recording_path: Path) -> None:
    """A recording satisfies the protocol that cameras and the simulator satisfy."""
    with open_recording(recording_path) as recording:
        assert isinstance(recording, EventSource)
        assert isinstance(recording, Recording)
        assert recording.name == "example"
        assert next(iter(recording)).source == "example"


def test_the_format_is_found_by_content(recording_path: Path) -> None:
    """A file whose name ends in anything opens as what it is."""
    other = recording_path.rename(recording_path.with_suffix(".aedat4"))
    assert detect_format(other) is Format.AEDAT31
    assert open_recording(other).format is Format.AEDAT31


def test_a_recording_can_be_read_again(recording_path: Path) -> None:
    """Every iteration starts anew, also after one that was left early."""
    with open_recording(recording_path, packet_us=7000) as recording:
        next(iter(recording))
        first, second = joined(recording), joined(recording)
    assert first.tobytes() == second.tobytes()
    assert first.size == 50_000


def test_a_recording_that_is_gone_is_said(recording_path: Path) -> None:
    """A file removed between two passes ends in one line that names it."""
    with open_recording(recording_path) as recording:
        recording_path.unlink()
        with pytest.raises(InputError, match="No such file"):
            list(recording)


def test_a_closed_recording_gives_nothing(recording_path: Path) -> None:
    """Closing ends a running iteration, and reading after it is refused."""
    recording = open_recording(recording_path, packet_us=1000)
    packets = iter(recording)
    next(packets)
    recording.close()
    assert list(packets) == []
    with pytest.raises(InputError, match="after close"):
        next(iter(recording))


@settings(max_examples=60, deadline=None)
@given(
    gaps=st.lists(st.integers(0, 40), min_size=1, max_size=300),
    packet_us=st.integers(1, 500),
    start_us=st.one_of(st.none(), st.integers(0, 3000)),
    length_us=st.one_of(st.none(), st.integers(1, 3000)),
)
def test_events_do_not_depend_on_packet_length(
    tmp_path_factory: pytest.TempPathFactory,
    gaps: list[int],
    packet_us: int,
    start_us: int | None,
    length_us: int | None,
) -> None:
    """Any packet length gives the events of [start, stop), in packets that cover it on a grid."""
    t = np.cumsum(gaps) + 1_000_000
    path = raw_aedat31(tmp_path_factory.mktemp("grid") / "a", t.tolist(), list(range(len(gaps))))
    path.write_bytes(path.read_bytes().replace(b"#Source 0: DVS128", b"#Sensor-Size: 400x1"))
    stop_us = None if length_us is None else (start_us or 0) + length_us
    begin = int(t[0]) + (start_us or 0)
    end = int(t[-1]) + 1 if stop_us is None else min(int(t[-1]) + 1, int(t[0]) + stop_us)
    wanted = np.flatnonzero((t >= begin) & (t < end))
    for length in (packet_us, None):
        recording = open_recording(path, packet_us=length, start_us=start_us, stop_us=stop_us)
        if begin >= end:
            with pytest.raises(InputError, match="start in recording"):
                list(recording)
            continue
        packets = list(recording)
        check_contract(packets)
        assert joined(packets)["x"].tolist() == wanted.tolist()
        assert packets[0].t_begin_us == begin
        assert packets[-1].t_end_us == end
        if length is not None:
            spans = [packet.t_end_us - packet.t_begin_us for packet in packets]
            assert set(spans[:-1]) <= {length}
            assert spans[-1] <= length


def test_silence_is_covered_by_empty_packets(tmp_path: Path) -> None:
    """A gap of a second gives the packets that say so."""
    path = raw_aedat31(tmp_path / "a", [10, 1_000_010])
    packets = list(open_recording(path, packet_us=1000))
    assert len(packets) == 1001
    assert sum(packet.events.size == 0 for packet in packets) == 999


def test_small_steps_back_in_time_are_held_and_counted(tmp_path: Path) -> None:
    """A time below an earlier one is given out as that one, and counted."""
    path = raw_aedat31(tmp_path / "a", [100, 250, 240, 249, 250, 260])
    recording = open_recording(path)
    assert joined(recording)["t"].tolist() == [100, 250, 250, 250, 250, 260]
    assert recording.time_reversals == 2


@pytest.mark.parametrize(
    ("t", "kept"), [([5_000_000, 5_000_100, 3_000_000, 6_000_000], 2), ([5, 2**31 - 1 - 2**16], 2)]
)
def test_a_clock_that_was_reset_is_damage(tmp_path: Path, t: list[int], kept: int) -> None:
    """After a long step back nothing more is given out and the damage says where."""
    path = raw_aedat31(tmp_path / "a", t)
    recording = open_recording(path)
    assert joined(recording)["t"].tolist() == t[:kept]
    assert (recording.damage is not None) == (kept < len(t))
    assert recording.damage is None or "3000000 us" in recording.damage


def test_an_impossible_pause_is_damage(tmp_path: Path) -> None:
    """A jump ahead by more than an hour ends the recording instead of years of silence."""
    path = tmp_path / "a"
    first = raw_aedat31(path, [5]).read_bytes()
    second = np.frombuffer(first[-36:-8], dtype=HEADER_DTYPE).copy()
    second["overflow"] = 1000
    path.write_bytes(first + second.tobytes() + first[-8:])
    recording = open_recording(path, packet_us=1000)
    assert joined(recording)["t"].tolist() == [5]
    assert recording.damage is not None
    assert "from byte" in recording.damage


def test_a_negative_time_is_damage(tmp_path: Path) -> None:
    """Times below zero do not become huge ones."""
    recording = open_recording(raw_aedat31(tmp_path / "a", [-5, 10]))
    assert list(recording) == []
    assert recording.damage is not None
    assert "-5 us" in recording.damage


def test_events_off_the_sensor_are_counted(tmp_path: Path) -> None:
    """Events outside the sensor are left out and counted, wherever they stand."""
    recording = open_recording(raw_aedat31(tmp_path / "a", [1, 2, 3, 4], [128, 127, 32767, 0]))
    assert joined(recording)["x"].tolist() == [127, 0]
    assert recording.events_off_sensor == 2


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("missing", "No such file"),
        ("folder", "it is a folder"),
        ("empty", "an empty file"),
        ("text", "b'once upon a time'"),
        ("garbage", r"bytes b'\\x00\\xff"),
        ("version", "AER-DAT5.0"),
        ("old", "AER-DAT1.0"),
        ("flat", "sensor size 0x0"),
        ("pipe", "no regular file"),
    ],
)
def test_what_is_no_recording_ends_in_one_line(tmp_path: Path, kind: str, text: str) -> None:
    """The error names the file, what was found and what was expected, in one line."""
    path = tmp_path / "thing"
    contents = {
        "empty": b"",
        "text": b"once upon a time",
        "garbage": b"\0\xff" * 400,
        "version": b"#!AER-DAT5.0\r\n",
        "old": b"#!AER-DAT1.0\r\n",
        "flat": b"Event Stream\x02\0\0\x01\0\0\0\0",
    }
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind in contents:
        path.write_bytes(contents[kind])
    with pytest.raises(InputError, match=text) as caught:
        open_recording(path)
    assert str(path) in str(caught.value)
    assert "allowed:" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission_is_refused(recording_path: Path) -> None:
    """A file that may not be read ends in one line."""
    recording_path.chmod(0)
    with pytest.raises(InputError, match="Permission denied"):
        open_recording(recording_path)


@settings(max_examples=80, deadline=None)
@given(
    head=st.sampled_from(
        [
            b"",
            b"% evt 3.0\n",
            b"% Version 2\n",
            b"Event Stream\x02\0\0\x01",
            b"#!AER-DAT2.0\r\n",
            b"#!AER-DAT3.1\r\n",
            b"#!AER-DAT4.0\r\n",
        ]
    ),
    rest=st.binary(max_size=400),
)
def test_any_bytes_end_in_an_error_or_a_readable_recording(
    tmp_path_factory: pytest.TempPathFactory, head: bytes, rest: bytes
) -> None:
    """No bytes lead to anything but InputError or packets that keep the contract."""
    path = tmp_path_factory.getbasetemp() / "anything"
    path.write_bytes(head + rest)
    try:
        recording = open_recording(path)
    except InputError as error:
        refused = str(error)
    else:
        check_contract(list(recording))
        return
    assert str(path) in refused


@pytest.mark.parametrize(
    "settings_", [{"packet_us": 0}, {"start_us": -1}, {"stop_us": 0}, {"start_us": 5, "stop_us": 5}]
)
def test_settings_out_of_range_are_refused(recording_path: Path, settings_: dict[str, int]) -> None:
    """Packet length, start and stop are checked when the file is opened."""
    with pytest.raises(InputError, match="example"):
        open_recording(recording_path, **settings_)


MEMORY = """
import resource, sys
from pathlib import Path
from recordings.formats import open_recording

def read(path):
    for packet_us in (None, 5000):
        with open_recording(Path(path), packet_us=packet_us) as recording:
            assert sum(packet.events.size for packet in recording) > 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

small = read(sys.argv[1])
print(read(sys.argv[2]) - small)
"""


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["aedat4", "aedat31", "aedat2"])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, ending: str) -> None:
    """Ten times the events take no more memory: far less than the events themselves."""
    rng = np.random.default_rng(2)
    run = np.zeros(300_000, dtype=EVENT_DTYPE)
    run["x"], run["y"] = rng.integers(0, 128, (2, run.size))
    run["t"] = np.arange(run.size)
    for name, times in (("small", 1), ("large", 12)):
        path = tmp_path / name
        if ending == "aedat2":
            with path.open("wb") as file:
                file.write(b"#!AER-DAT2.0\r\n")
                for number in range(times):
                    pairs = np.zeros((run.size, 2), dtype=">u4")
                    pairs[:, 1] = run["t"] + number * run.size
                    file.write(pairs.tobytes())
            continue
        kind = partial(Aedat4Writer, compression="lz4") if ending == "aedat4" else Aedat31Writer
        with kind(path, SensorSize(128, 128)) as writer:
            for number in range(times):
                later = run.copy()
                later["t"] += number * run.size
                writer.write(later)
    grown = subprocess.run(
        [sys.executable, "-c", MEMORY, str(tmp_path / "small"), str(tmp_path / "large")],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert int(grown.stdout) < 12, "MiB; the events alone are 45"
