"""Recordings of every format, opened as sources of packets."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.errors import InputError
from drivers.events import EVENT_DTYPE, Events, EventSource, SensorSize
from recordings.aedat4_writer import Aedat4Writer
from recordings.aedat31_writer import HEADER_DTYPE, POLARITY_DTYPE, Aedat31Writer
from recordings.formats import Format, Recording, detect_format, open_recording
from tests.recordings.packet_checks import check_contract, joined

SENSOR = SensorSize(128, 96)


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


def test_a_recording_begins_elsewhere_once(recording_path: Path) -> None:
    """After a seek the next pass has what is from there on; the one after it has everything."""
    with open_recording(recording_path, packet_us=1000) as recording:
        whole = joined(list(recording))
        first_us = int(whole["t"][0])
        middle_us = (int(whole["t"][-1]) - first_us) // 2
        recording.seek(middle_us)
        packets = list(recording)
        assert packets[0].t_begin_us == first_us + middle_us
        assert np.array_equal(joined(packets), whole[whole["t"] >= first_us + middle_us])
        assert np.array_equal(joined(list(recording)), whole)
        recording.seek(10**9)
        assert list(recording) == []
        with pytest.raises(InputError, match=r"start for recording .* got -0\.000001 s; "):
            recording.seek(-1)


def test_a_part_that_is_none_is_told_in_seconds(recording_path: Path) -> None:
    """As the options are: a stop that is not after the start, a start after the end."""
    said = r"stop for recording .*: got 2\.5 s; allowed: more than the start, 1000000000 s; "
    with pytest.raises(InputError, match=said):
        open_recording(recording_path, start_us=10**15, stop_us=2_500_000)
    with (
        open_recording(recording_path, start_us=86_400 * 10**6) as late,
        pytest.raises(InputError, match=r"start in recording .*: got 86400 s; "),
    ):
        list(late)


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
