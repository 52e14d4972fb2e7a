"""AEDAT4 as written here, read back by three libraries, whole and cut off."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import aedat
import dv_processing
import faery
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.errors import InputError
from drivers.events import EVENT_DTYPE, Events, SensorSize, empty_events
from recordings.aedat4_writer import Aedat4Writer, Compression
from recordings.event_writer import MAX_PACKET_EVENTS
from recordings.formats import open_recording

ROOT = Path(__file__).parents[2]
SENSOR = SensorSize(346, 260)
COMPRESSIONS: tuple[Compression, ...] = ("zstd", "lz4")


def read_with_aedat(path: Path) -> Events:
    """All events as the aedat package has them."""
    return as_events([item["events"] for item in aedat.Decoder(str(path)) if "events" in item])


def read_with_faery(path: Path) -> Events:
    """All events as faery has them."""
    return as_events(list(faery.events_stream_from_file(path, file_type="aedat")))


def read_with_dv(path: Path) -> Events:
    """All events as dv-processing has them."""
    camera = dv_processing.io.MonoCameraRecording(str(path))
    assert camera.getEventResolution() == (SENSOR.width, SENSOR.height)
    batches = []
    while camera.isRunning() and (batch := camera.getNextEventBatch()) is not None:
        batches.append(batch.numpy())
    return as_events(batches, ("timestamp", "x", "y", "polarity"))


def as_events(parts: list[np.ndarray], names: tuple[str, ...] = ("t", "x", "y", "on")) -> Events:
    """Arrays of a library's own dtype joined in ours."""
    joined = []
    for part in parts:
        events = np.empty(part.size, dtype=EVENT_DTYPE)
        for ours, theirs in zip(("t", "x", "y", "on"), names, strict=True):
            events[ours] = part[theirs]
        joined.append(events)
    return np.concatenate([empty_events(), *joined])


def read_here(path: Path) -> Events:
    """All events as our own reader has them."""
    return np.concatenate([empty_events(), *(packet.events for packet in open_recording(path))])


EVENTS = st.lists(
    st.tuples(st.integers(0, 90_000), st.integers(0, 345), st.integers(0, 259), st.booleans()),
    min_size=1,
    max_size=200,
)


def from_tuples(rows: list[tuple[int, int, int, bool]], t_us: int) -> Events:
    """Events whose times are given as steps."""
    events = np.array([(0, x, y, on) for _, x, y, on in rows], dtype=EVENT_DTYPE)
    events["t"] = t_us + np.cumsum([step for step, *_ in rows])
    return events


@settings(max_examples=25, deadline=None)
@given(
    rows=EVENTS,
    t_us=st.sampled_from([0, 1 << 33, 1_718_924_384_950_507]),
    piece=st.integers(1, 250),
    compression=st.sampled_from(COMPRESSIONS),
)
def test_three_libraries_read_what_was_written(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[int, int, int, bool]],
    t_us: int,
    piece: int,
    compression: Compression,
) -> None:
    """aedat, faery, dv-processing and our reader give back exactly the events written."""
    path = tmp_path_factory.getbasetemp() / "round.aedat4"
    events = from_tuples(rows, t_us)
    with Aedat4Writer(path, SENSOR, compression=compression) as writer:
        for first in range(0, events.size, piece):
            writer.write(events[first : first + piece])
    for read in (read_with_aedat, read_with_faery, read_with_dv, read_here):
        assert read(path).tobytes() == events.tobytes(), read.__name__
    assert writer.events_written == events.size
    assert open_recording(path).sensor == SENSOR


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_long_recording_has_a_table_of_its_packets(
    tmp_path: Path, example_events: Events, compression: Compression
) -> None:
    """The data table lists every packet with its place, size and times."""
    path = tmp_path / "long.aedat4"
    with Aedat4Writer(path, SENSOR, compression=compression) as writer:
        writer.write(example_events)
    with faery.aedat.Decoder(path) as decoder:
        table = decoder.file_data_definitions()
    assert [entry.elements_count for entry in table] == [MAX_PACKET_EVENTS] * 3 + [848]
    assert table[0].start_t == example_events["t"][0]
    assert table[-1].end_t == example_events["t"][-1]
    data = path.read_bytes()
    for entry in table:
        size = data[entry.byte_offset - 4 : entry.byte_offset]
        assert int.from_bytes(size, "little") == entry.size
    assert read_with_dv(path).tobytes() == example_events.tobytes()


def test_zstandard_makes_smaller_files(tmp_path: Path, example_events: Events) -> None:
    """The default compression is the one that makes the smaller file."""
    sizes = {}
    for compression in COMPRESSIONS:
        with Aedat4Writer(tmp_path / compression, SENSOR, compression=compression) as writer:
            writer.write(example_events)
        sizes[compression] = (tmp_path / compression).stat().st_size
    with Aedat4Writer(tmp_path / "default", SENSOR) as writer:
        writer.write(example_events)
    assert sizes["zstd"] < sizes["lz4"]
    assert (tmp_path / "default").stat().st_size == sizes["zstd"]


def test_a_recording_without_events_opens(tmp_path: Path) -> None:
    """A file to which nothing was written is a whole file without packets."""
    path = tmp_path / "none.aedat4"
    Aedat4Writer(path, SENSOR).close()
    recording = open_recording(path)
    assert list(recording) == []
    assert (recording.damage, recording.t_first_us, recording.sensor) == (None, None, SENSOR)


WRITE_FOREVER = """
import sys
from pathlib import Path
import numpy as np
from drivers.events import EVENT_DTYPE, SensorSize
from recordings.aedat4_writer import Aedat4Writer

writer = Aedat4Writer(Path(sys.argv[1]), SensorSize(346, 260))
events = np.zeros(20_000, dtype=EVENT_DTYPE)
for number in range(10**9):
    index = np.arange(events.size) + number * events.size
    events["t"], events["x"], events["on"] = index, index % 346, index % 3 == 0
    writer.write(events)
    print(number + 1, flush=True)
"""


def test_a_killed_writer_leaves_all_it_had_written(tmp_path: Path) -> None:
    """After SIGKILL every packet that `write` had put into the file is read, then damage said."""
    path = tmp_path / "killed.aedat4"
    process = subprocess.Popen(
        [sys.executable, "-c", WRITE_FOREVER, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    with process.stdout as lines:
        rounds = max(int(line) for line, _ in zip(lines, range(6), strict=False))
        process.send_signal(signal.SIGKILL)
        process.wait()
    with open_recording(path) as recording:
        events = np.concatenate([packet.events for packet in recording])
    assert events.size >= rounds * 20_000
    index = np.arange(events.size)
    assert (events["t"] == index).all()
    assert (events["x"] == index % 346).all()
    assert (events["on"] == (index % 3 == 0)).all()
    assert recording.damage is not None
    assert "from byte" in recording.damage
    assert read_with_dv(path).size >= rounds * 20_000


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, example_events: Events) -> dict[str, Path]:
    """The same events in both compressions, in packets of about 1,500."""
    files = {}
    for compression in COMPRESSIONS:
        path = tmp_path_factory.mktemp("whole") / compression
        with Aedat4Writer(path, SENSOR, compression=compression) as writer:
            for first in range(0, 15_000, 500):
                part = example_events[first : first + 500].copy()
                part["t"] = 10 * part["t"]
                writer.write(part)
        files[compression] = path
    return files


@settings(max_examples=60, deadline=None)
@given(share=st.floats(0, 1, exclude_max=True), compression=st.sampled_from(COMPRESSIONS))
def test_a_cut_file_gives_its_whole_packets(
    tmp_path_factory: pytest.TempPathFactory,
    whole: dict[str, Path],
    share: float,
    compression: Compression,
) -> None:
    """Cut at any byte, a file gives every packet that is whole and says at which byte it ends."""
    content = whole[compression].read_bytes()
    cut = int(share * len(content))
    path = tmp_path_factory.getbasetemp() / "cut.aedat4"
    path.write_bytes(content)
    with faery.aedat.Decoder(path) as decoder:
        table = decoder.file_data_definitions()
    path.write_bytes(content[:cut])
    header = 14 + 4 + int.from_bytes(content[14:18], "little")
    if cut < header:
        with pytest.raises(InputError, match=r"cut\.aedat4"):
            open_recording(path)
        return
    with open_recording(path) as recording:
        events = np.concatenate([empty_events(), *(packet.events for packet in recording)])
    kept = [entry for entry in table if entry.byte_offset + entry.size <= cut]
    assert events.size == sum(entry.elements_count for entry in kept)
    end = kept[-1].byte_offset + kept[-1].size if kept else header
    table_at = table[-1].byte_offset + table[-1].size
    assert recording.damage is not None
    assert f"from byte {end} on" in recording.damage
    assert ("no event is missing" in recording.damage) == (cut > table_at)


def test_a_changed_packet_is_noticed(tmp_path: Path, whole: dict[str, Path]) -> None:
    """A flipped bit inside a packet is damage at that packet, not other events."""
    path = tmp_path / "flipped.aedat4"
    for source in whole.values():
        content = source.read_bytes()
        changed = bytearray(content)
        changed[len(content) // 2] ^= 16
        path.write_bytes(changed)
        with open_recording(path) as recording:
            count = sum(packet.events.size for packet in recording)
        assert 0 < count < 15_000
        assert recording.damage is not None
        assert "cannot be read" in recording.damage


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"x": 346}, "column 346"),
        ({"y": 260}, "row 260"),
        ({"t": 1}, "times that decrease"),
        ({"t": 1 << 62}, "2\\^62"),
    ],
)
def test_events_that_do_not_fit_are_refused(
    tmp_path: Path, change: dict[str, int], text: str
) -> None:
    """Nothing of a call with a wrong event is written."""
    path = tmp_path / "refused.aedat4"
    good = from_tuples([(3, 1, 2, True), (4, 3, 4, False)], 100)
    bad = good.copy()
    bad["t"] += 50
    for field, value in change.items():
        bad[field][-1] = value
    with Aedat4Writer(path, SENSOR) as writer:
        writer.write(good)
        with pytest.raises(InputError, match=text):
            writer.write(bad)
    assert read_here(path).tobytes() == good.tobytes()


def test_a_call_before_the_last_one_in_time_is_refused(tmp_path: Path) -> None:
    """Times may not decrease from one call to the next either."""
    with Aedat4Writer(tmp_path / "a", SENSOR) as writer:
        writer.write(from_tuples([(0, 1, 1, True)], 10))
        with pytest.raises(InputError, match="times that decrease"):
            writer.write(from_tuples([(0, 1, 1, True)], 9))


def test_what_is_no_event_array_is_refused(tmp_path: Path) -> None:
    """Another dtype, and writing after closing, end in one line."""
    with Aedat4Writer(tmp_path / "a", SENSOR) as writer, pytest.raises(InputError, match="dtype"):
        writer.write(np.zeros(3))
    with pytest.raises(InputError, match="close"):
        writer.write(empty_events())


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """A missing folder, a sensor too large and an unknown compression end in one line."""
    with pytest.raises(InputError, match="No such file"):
        Aedat4Writer(tmp_path / "none" / "a.aedat4", SENSOR)
    with pytest.raises(InputError, match="40000x10"):
        Aedat4Writer(tmp_path / "a.aedat4", SensorSize(40_000, 10))
    with pytest.raises(InputError, match="'zip'"):
        Aedat4Writer(tmp_path / "a.aedat4", SENSOR, compression="zip")  # type: ignore[arg-type]
