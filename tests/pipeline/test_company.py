"""Others on the same bus and disk: a second brain, a second source, guests, a recording removed."""

import json
import shutil
import time
from pathlib import Path

import zmq

from pipeline.addresses import ipc_address, private_run_directory
from pipeline.control import control_request

SAMPLE = Path(__file__).resolve().parents[2] / "recordings/samples/simulated-session.aedat4"
GUESTS = 500


def test_two_brains_on_one_bus_see_the_same(wigwag, tiny_checkpoint: Path) -> None:
    """Neither takes anything from the other."""
    events = ipc_address(private_run_directory(), "events")
    source = wigwag.start(
        *("source", SAMPLE, "--bind", events, "--speed", "max", "--stop", 2, "--subscribers", 2)
    )
    brains = [
        wigwag.start("brain", "--connect", events, "--checkpoint", tiny_checkpoint, "--json")
        for _ in range(2)
    ]
    said = []
    for brain in brains:
        out, error = brain.communicate(timeout=100)
        assert brain.returncode == 0, error
        *labels, summary = (json.loads(line) for line in out.splitlines())
        assert summary["summary"]["events_lost"] == 0
        said.append([label | {"latency_us": 0} for label in labels])
    assert source.wait(30) == 0
    assert said[0] == said[1]
    assert len(said[0]) > 10


def test_a_second_source_does_not_take_the_address(wigwag) -> None:
    """Of the same name or not: it is told that somebody is there, and the first goes on."""
    folder = private_run_directory()
    events, control = ipc_address(folder, "events"), ipc_address(folder, "source")
    first = wigwag.start("source", SAMPLE, "--bind", events, "--control", control)
    control_request(control, {"command": "status"}, timeout_s=60)
    status, _, error = wigwag.run("source", SAMPLE, "--bind", events)
    assert (status, error.count("\n")) == (2, 1)
    assert "address" in error
    assert first.poll() is None


def test_a_recording_removed_while_it_is_read_is_read_to_its_end(
    wigwag, tmp_path: Path, tiny_checkpoint: Path
) -> None:
    """What is open stays readable; nothing is lost."""
    path = tmp_path / "soon-gone.aedat4"
    shutil.copy(SAMPLE, path)
    replay = wigwag.start(
        *("replay", path, "--checkpoint", tiny_checkpoint, "--stop", 2, "--json"),
        *("--summary", tmp_path / "summary.json"),
    )
    assert replay.stdout.readline()
    path.unlink()
    assert replay.wait(60) == 0
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["frames"], summary["events_lost"]) == (2000, 0)


def test_a_recording_that_is_still_written_is_read_up_to_there(
    wigwag, tmp_path: Path, tiny_checkpoint: Path
) -> None:
    """By one program while another goes on writing; it says where it ended, and why."""
    events, path = ipc_address(private_run_directory(), "events"), tmp_path / "grows.aedat4"
    wigwag.start("source", SAMPLE, "--loop", "--bind", events)
    writing = wigwag.start("record", "--connect", events, path)
    deadline = time.monotonic() + 60
    while not path.is_file() or path.stat().st_size < 200_000:
        assert time.monotonic() < deadline
        assert writing.poll() is None
        time.sleep(0.02)  # between two looks
    status, _, error = wigwag.run(
        *("replay", path, "--checkpoint", tiny_checkpoint, "--speed", "max", "--json"),
        *("--summary", tmp_path / "summary.json"),
    )
    assert status == 0, error
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert "the recording was never closed" in summary["damage"]
    assert summary["events_in"] == summary["events_binned"] > 10_000
    assert writing.poll() is None


def test_guests_who_vanish_leave_nothing_behind(wigwag, tiny_checkpoint: Path) -> None:
    """Hundreds of subscribers connect and are gone: no descriptors, no frames left out for them."""
    folder = private_run_directory()
    events, said, control = (ipc_address(folder, name) for name in ("events", "said", "brain"))
    wigwag.start("source", SAMPLE, "--loop", "--bind", events)
    brain = wigwag.start(
        *("brain", "--connect", events, "--publish", said, "--control", control),
        *("--checkpoint", tiny_checkpoint),
    )
    control_request(control, {"command": "status"}, timeout_s=60)
    descriptors = Path(f"/proc/{brain.pid}/fd")
    before = len(list(descriptors.iterdir()))
    with zmq.Context() as context:
        for _ in range(GUESTS):
            with context.socket(zmq.SUB) as guest:
                guest.linger = 0
                guest.subscribe(b"")
                guest.connect(said)
    deadline = time.monotonic() + 60
    while len(list(descriptors.iterdir())) > before + 3:
        assert time.monotonic() < deadline, "descriptors are left"
        time.sleep(0.02)  # between two looks at a running process
    status = control_request(control, {"command": "status"}, timeout_s=60)
    assert (status["frames_skipped"], status["events_lost"], status["refused"]) == (0, 0, 0)
