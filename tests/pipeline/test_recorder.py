import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from drivers.errors import InputError
from drivers.events import EVENT_DTYPE, EventPacket, Events, SensorSize
from pipeline.addresses import ipc_address, private_run_directory
from pipeline.bus import EventPublisher
from pipeline.recorder import RecorderReport, run_recorder
from pipeline.wire import StreamTotals, encode_end, encode_json, encode_packet
from recordings.formats import open_recording

ROOT = Path(__file__).resolve().parents[2]
SENSOR = SensorSize(64, 48)
WAIT_S = 20.0


def packet(seq: int, *, source: str = "cam", lost: int = 0, begin_us: int = -1) -> EventPacket:
    """A packet of ten milliseconds and 500 events."""
    begin_us = 10**7 + 10_000 * seq if begin_us < 0 else begin_us
    random = np.random.default_rng(seq)
    events = np.zeros(500, dtype=EVENT_DTYPE)
    events["t"] = begin_us + np.arange(500) * 20
    events["x"] = random.integers(0, SENSOR.width, 500)
    events["y"] = random.integers(0, SENSOR.height, 500)
    events["on"] = random.integers(0, 2, 500)
    return EventPacket(events, SENSOR, source, seq, begin_us, begin_us + 10_000, 0, lost)


def totals(packets: int, **changes: object) -> StreamTotals:
    """Totals of that many packets."""
    fields = {"events": 500 * packets, "packets": packets, "damage": None, "lost": 0} | changes
    return StreamTotals(t_end_us=10**7 + 10_000 * packets, **fields)  # type: ignore[arg-type]


def read(path: Path) -> Events:
    """All events of a file."""
    with open_recording(path) as recording:
        assert recording.sensor == SENSOR
        return np.concatenate([part.events for part in recording])


class Recording:
    """A recorder at work in a thread, and the publisher it hears."""

    def __init__(self, out: Path) -> None:
        self.stop = threading.Event()
        self.out = out
        self.bus = EventPublisher(
            ipc_address(private_run_directory(), "events"), policy="block", topic=b"events/cam"
        )
        self._reports: list[RecorderReport] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self.bus.wait_for_subscribers(1, WAIT_S)

    def _run(self) -> None:
        self._reports.append(run_recorder(self.bus.address, self.out, stop=self.stop))

    def end(self, *, source: str = "cam", of: StreamTotals) -> RecorderReport:
        """Say the end, and wait for the report."""
        self.bus.publish(encode_end(source, SENSOR, of, 1))
        return self.report()

    def report(self) -> RecorderReport:
        """What the recorder says once it has ended."""
        self._thread.join(WAIT_S)
        self.bus.close()
        return self._reports[0]


def test_recording_holds_what_was_sent(tmp_path: Path) -> None:
    """From the first event to the last, and nothing to complain about."""
    recording = Recording(tmp_path / "out.aedat4")
    sent = [packet(seq) for seq in range(40)]
    for item in sent:
        recording.bus.publish(encode_packet(item, 1))
    report = recording.end(of=totals(40))
    assert np.array_equal(read(recording.out), np.concatenate([item.events for item in sent]))
    assert (report.source, report.events, report.packets) == ("cam", 20_000, 40)
    assert report.complete
    assert report.problems == []


def test_recorder_says_what_was_lost(tmp_path: Path) -> None:
    """Losses on the way, before the source, and damage of its file are all told."""
    recording = Recording(tmp_path / "out.aedat4")
    recording.bus.publish(encode_packet(packet(0), 1))
    recording.bus.publish(encode_packet(packet(3, lost=1000), 1))
    report = recording.end(of=totals(6, events=1500, lost=1500, damage="cut at byte 5"))
    assert report.events == 1000
    assert report.events_lost == 1500 + 500
    assert report.problems == [
        "2,000 events were lost on the way",
        "the source says: cut at byte 5",
    ]


def test_recorder_survives_what_it_does_not_understand(tmp_path: Path) -> None:
    """Messages of other kinds, versions and sources are counted and left out."""
    recording = Recording(tmp_path / "out.aedat4")
    good = encode_packet(packet(0), 1)
    recording.bus.publish(good)
    recording.bus.publish([good[0], b"\xc1", good[2]])
    recording.bus.publish([good[0], good[1], bytes(good[2])[:-1]])
    recording.bus.publish(good[:2])
    recording.bus.publish([b"events/cam", *encode_json("label", "cam", 0, b"{}", 1)[1:]])
    recording.bus.publish(encode_packet(packet(7, source="cam2"), 1))
    recording.bus.publish(encode_packet(packet(1), 1))
    recording.bus.publish(encode_packet(packet(2, begin_us=5), 1))
    report = recording.end(of=totals(3))
    assert report.refused == {
        "header": 1,
        "truncated": 1,
        "parts": 1,
        "topic": 1,
        "other source": 1,
    }
    assert (report.events, report.events_refused, report.events_lost) == (1000, 500, 0)
    assert len(read(recording.out)) == 1000


def test_empty_stream_gives_an_empty_file(tmp_path: Path) -> None:
    """A source that ends without events still leaves a file that says so."""
    recording = Recording(tmp_path / "out.aedat4")
    report = recording.end(of=totals(0))
    assert (report.events, report.complete) == (0, True)
    with open_recording(recording.out) as empty:
        assert empty.sensor == SENSOR
        assert list(empty) == []


def test_interrupted_recording_is_readable(tmp_path: Path) -> None:
    """Ctrl-C ends the process with a whole file and a word about the missing end."""
    out = tmp_path / "out.aedat4"
    address = ipc_address(private_run_directory(), "events")
    code = (
        "import sys; from pathlib import Path; from pipeline.recorder import run_recorder\n"
        "report = run_recorder(sys.argv[1], Path(sys.argv[2]))\n"
        "print(report.events, report.complete, *report.problems)"
    )
    with (
        EventPublisher(address, policy="block") as bus,
        subprocess.Popen(
            [sys.executable, "-c", code, address, str(out)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        assert bus.wait_for_subscribers(1, WAIT_S)
        for seq in range(100):
            bus.publish(encode_packet(packet(seq), 1))
        deadline = time.monotonic() + WAIT_S
        while not (out.exists() and out.stat().st_size > 50_000):
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=2)
    count, ending, problem = said.split(maxsplit=2)
    assert (ending, problem) == ("False", "interrupted before the source's end\n")
    events = int(count)
    expected = np.concatenate([packet(seq).events for seq in range(100)])
    assert np.array_equal(read(out), expected[:events])


def test_killed_recorder_leaves_a_readable_file(tmp_path: Path) -> None:
    """Even SIGKILL loses no more than the events that were still being gathered."""
    out = tmp_path / "out.aedat4"
    address = ipc_address(private_run_directory(), "events")
    code = (
        "import sys; from pathlib import Path; from pipeline.recorder import run_recorder\n"
        "run_recorder(sys.argv[1], Path(sys.argv[2]))"
    )
    with (
        EventPublisher(address, policy="block") as bus,
        subprocess.Popen([sys.executable, "-c", code, address, str(out)], cwd=ROOT) as process,
    ):
        assert bus.wait_for_subscribers(1, WAIT_S)
        for seq in range(100):
            bus.publish(encode_packet(packet(seq), 1))
        deadline = time.monotonic() + WAIT_S
        while not (out.exists() and out.stat().st_size > 50_000):
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.kill()
    events = read(out)
    expected = np.concatenate([packet(seq).events for seq in range(100)])
    assert len(events) > 0
    assert np.array_equal(events, expected[: len(events)])


def test_what_never_came_is_no_file(wigwag, address) -> None:
    """Ctrl-C before any source: that is said, and not that one was cut off."""
    out = wigwag.folder / "out.aedat4"
    recorder = wigwag.start("record", out, "--connect", address("events"))
    assert b"no events from" in recorder.stderr.readline()
    recorder.send_signal(signal.SIGINT)
    said, error = recorder.communicate(timeout=10)
    assert (recorder.returncode, error) == (130, b"")
    assert said.decode() == f"{out}: nothing came, so there is no file\n"
    assert not out.exists()


def test_place_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    """Before anybody has sent anything; a file that is there stays as it is."""
    address = ipc_address(private_run_directory(), "events")
    (tmp_path / "folder.aedat4").mkdir()
    kept = tmp_path / "kept.aedat4"
    kept.write_bytes(b"from another day")
    for out in ("missing/out.aedat4", "folder.aedat4", "out.aedat", "out", "kept.aedat4"):
        with pytest.raises(InputError, match="output file"):
            run_recorder(address, tmp_path / out)
    assert kept.read_bytes() == b"from another day"
