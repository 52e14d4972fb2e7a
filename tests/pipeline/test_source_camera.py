import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.addresses import ipc_address, private_run_directory
from pipeline.bus import EventSubscriber
from pipeline.control import control_request
from pipeline.wire import EventsMessage, decode
from tests.drivers.test_cameras import install_example

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 30.0


def test_a_camera_is_given_out_like_a_recording() -> None:
    """A real process with a simulated person: events in order, and an end when it is told to."""
    folder = private_run_directory()
    events, control = ipc_address(folder, "events"), ipc_address(folder, "control")
    process = subprocess.Popen(
        [
            *(sys.executable, "-P", "-m", "pipeline", "source"),
            *("--camera", "simulated:seconds=1", "--bind", events, "--control", control),
        ],
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )
    try:
        with EventSubscriber([events]) as subscriber:
            heard = 0
            while heard < 200:
                parts = subscriber.receive(round(1000 * DEADLINE_S))
                assert parts is not None
                message = decode(parts)
                if isinstance(message, EventsMessage):
                    assert message.packet.source == "simulated-user30-led"
                    heard += 1
            control_request(control, {"command": "stop"}, timeout_s=DEADLINE_S)
        assert process.wait(DEADLINE_S) == 0
    finally:
        process.kill()


def test_the_example_in_the_docs_is_recognised(
    wigwag, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_checkpoint: Path
) -> None:
    """A camera of another package, live; options that it cannot read are one line."""
    install_example(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{tmp_path}")
    live = ("live", "--checkpoint", tiny_checkpoint, "--summary", tmp_path / "summary", "--camera")
    good, bad = wigwag.run_side_by_side(
        (*live, "blinking:packets=800"), ("live", "--camera", "blinking:packets=abc")
    )
    assert good[0] == 0, good
    summary = json.loads((tmp_path / "summary").read_text())
    assert summary["events_binned"] == summary["events_in"] > 0
    assert (bad[0], bad[1], bad[2].count("\n")) == (2, "", 1), bad
    assert "camera blinking: got the options 'packets=abc'" in bad[2]


FRAGILE = """
import numpy as np
from drivers.closing import Closing
from drivers.errors import CameraGoneError
from drivers.events import EVENT_DTYPE, EventPacket, SensorSize


class Fragile(Closing):
    name, sensor, live, real_sensor = "fragile", SensorSize(8, 8), True, True

    def __iter__(self):
        for seq in range(5):
            events = np.zeros(10, EVENT_DTYPE)
            events["t"] = 1000 * seq + np.arange(10)
            events["x"], events["y"] = np.arange(10) % 5, np.arange(10) // 5  # not one hot pixel
            yield EventPacket(events, self.sensor, self.name, seq, 1000 * seq, 1000 * seq + 1000)
        raise CameraGoneError(self.name, "cable pulled")

    def close(self):
        pass


def open_fragile():
    return Fragile()
"""


def test_an_unplugged_camera_does_not_end_the_stream(tmp_path: Path) -> None:
    """A camera of another package that goes away every 5 ms: one stream, and its user is told."""
    (tmp_path / "fragile_camera.py").write_text(FRAGILE, encoding="utf-8")
    info = tmp_path / "fragile-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fragile\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[wigwag.cameras]\nfragile = fragile_camera:open_fragile\n"
    )
    folder = private_run_directory()
    events, control = ipc_address(folder, "events"), ipc_address(folder, "control")
    process = subprocess.Popen(
        [
            *(sys.executable, "-P", "-m", "pipeline", "source", "--camera", "fragile"),
            *("--bind", events, "--control", control),
        ],
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{tmp_path}", "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        with EventSubscriber([events]) as subscriber:
            end_us = received = silent = 0
            while received < 150:
                parts = subscriber.receive(round(1000 * DEADLINE_S))
                assert parts is not None
                message = decode(parts)
                if isinstance(message, EventsMessage):
                    packet = message.packet
                    assert packet.t_begin_us == end_us
                    end_us = packet.t_end_us
                    received += packet.events.size
                    silent += not packet.events.size
            assert silent > 0
            status = control_request(control, {"command": "status"}, timeout_s=DEADLINE_S)
            assert status["filters"]["hot_pixels"] is True  # a real sensor: on by itself
            control_request(control, {"command": "stop"}, timeout_s=DEADLINE_S)
        error = process.communicate(timeout=DEADLINE_S)[1]
        assert process.returncode == 0
    finally:
        process.kill()
    assert "source fragile: the camera is gone (cable pulled); looking for it" in error
    assert "source fragile: the camera is back; away " in error
    assert "times without camera" in error


def test_a_source_is_a_recording_or_a_camera_and_not_both(tmp_path: Path) -> None:
    """Neither and both are refused."""
    for arguments in ([], ["x.aedat4", "--camera", "simulated"]):
        done = subprocess.run(
            [
                *(sys.executable, "-P", "-m", "pipeline", "source", *arguments),
                *("--bind", f"ipc://{tmp_path}/e"),
            ],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        assert "allowed: one of the two" in done.stderr


def test_a_film_that_cannot_be_opened_is_one_line(wigwag, tmp_path: Path) -> None:
    """Warnings of OpenCV and FFmpeg are left out."""
    film = tmp_path / "broken.mp4"
    film.write_bytes(b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + bytes(range(256)) * 20)
    runs = wigwag.run_side_by_side(
        *(("source", "--camera", camera, "--bind", f"ipc://{tmp_path}/e{number}")
          for number, camera in enumerate((film, "webcam:device=77")))
    )  # fmt: skip
    for status, _, error in runs:
        assert (status, len(error.splitlines())) == (2, 1), error
        assert "got nothing that OpenCV can open" in error
