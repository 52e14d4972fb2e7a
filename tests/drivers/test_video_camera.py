"""Films as event cameras: real files, written and read by OpenCV."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from drivers.errors import InputError
from drivers.events import EventSource
from drivers.video_camera import VideoCamera


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bright spot that crosses a grey wall, 20 pictures of 400x300 at 25 a second."""
    path = tmp_path_factory.mktemp("film") / "spot.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25.0, (400, 300))
    assert writer.isOpened()
    for number in range(20):
        picture = np.full((300, 400, 3), 90, np.uint8)
        cv2.circle(picture, (40 + 16 * number, 150), 20, (230, 230, 230), -1)
        writer.write(picture)
    writer.release()
    return path


def test_a_film_gives_packets_without_gaps_that_follow_the_spot(film: Path) -> None:
    """Reduced to fit 346x260; ON before the spot, OFF behind it, moving to the right."""
    with VideoCamera(film) as camera:
        assert isinstance(camera, EventSource)
        assert (camera.sensor.width, camera.sensor.height) == (346, 260)
        packets = list(camera)
        again = list(camera)
    assert [packet.seq for packet in packets] == list(range(len(packets)))
    assert packets[0].t_begin_us == 0
    assert all(a.t_end_us == b.t_begin_us for a, b in itertools.pairwise(packets))
    assert all(packet.t_end_us - packet.t_begin_us <= 1000 for packet in packets)
    assert 759_000 <= packets[-1].t_end_us <= 801_000
    events = np.concatenate([packet.events for packet in packets])
    assert (np.diff(events["t"].astype(np.int64)) >= 0).all()
    late = events[events["t"] > 400_000]
    early = events[events["t"] < 200_000]
    assert late["x"].mean() - early["x"].mean() > 100
    assert late[late["on"]]["x"].mean() > late[~late["on"]]["x"].mean() + 10
    assert events.tobytes() == np.concatenate([packet.events for packet in again]).tobytes()


def test_a_film_that_is_cut_short_says_so(film: Path, tmp_path: Path) -> None:
    """Its header promises more pictures than there are; the whole one has no damage."""
    cut = tmp_path / "cut.avi"
    whole = film.read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    with VideoCamera(film) as camera, VideoCamera(cut) as half:
        list(camera)
        packets = list(half)
        assert camera.damage is None
        assert packets[-1].t_end_us < 500_000
        assert re.search(r"cut\.avi: ended after \d+ of 20 pictures", str(half.damage))


def test_sudden_light_and_pictures_without_a_time_are_counted(tmp_path: Path) -> None:
    """A cut from black to white would be more events of a pixel than are given."""
    path = tmp_path / "flash.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25.0, (64, 48))
    for level in (0, 255, 255):
        writer.write(np.full((48, 64, 3), level, np.uint8))
    writer.release()
    with VideoCamera(path) as camera:
        list(camera)
        camera.frames_without_time = 3
        first, second = camera.left_out()
    assert first == "3 pictures without a time of their own, left out"
    assert camera.events_left_out > 64 * 48 * 10
    assert second == (
        f"{camera.events_left_out:,} events of too sudden a change of light, left out"
    )


def test_what_cannot_be_opened_is_one_clear_error(tmp_path: Path) -> None:
    """No file, no film, no webcam: three different sentences."""
    with pytest.raises(InputError, match="no such file"):
        VideoCamera(tmp_path / "nowhere.mp4")
    rubbish = tmp_path / "rubbish.mp4"
    rubbish.write_bytes(b"no film" * 100)
    with pytest.raises(InputError, match=r"film .*rubbish.*nothing that OpenCV can open"):
        VideoCamera(rubbish)
    with pytest.raises(InputError, match="webcam 77: got nothing"):
        VideoCamera(77)
    with pytest.raises(InputError, match="packet length"):
        VideoCamera(rubbish, packet_us=0)


def test_a_broken_film_is_one_error_and_opencv_says_nothing(
    film: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its own reader of AVI would print what is wrong, whatever its log level."""
    broken = tmp_path / "broken.avi"
    for length in (100, 300):
        broken.write_bytes(film.read_bytes()[:length])
        with pytest.raises(InputError, match="nothing that OpenCV can open"):
            VideoCamera(broken)
    assert capfd.readouterr().err == ""
