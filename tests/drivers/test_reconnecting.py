from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import pytest

from drivers.camera_health import CameraHealth
from drivers.closing import Closing
from drivers.errors import CameraGoneError, InputError
from drivers.events import EVENT_DTYPE, EventPacket, SensorSize
from drivers.reconnecting import ReconnectingCamera

SENSOR = SensorSize(4, 4)


class Fragile(Closing):
    """A camera that gives some packets of its own time and then is unplugged."""

    name, sensor, live = "fragile", SENSOR, True

    def __init__(self, packets: int, *, sensor: SensorSize = SENSOR, raises: bool = True) -> None:
        self.sensor = sensor
        self.health = CameraHealth()
        self.closed = False
        self._packets, self._raises = packets, raises

    def __iter__(self) -> Iterator[EventPacket]:
        for seq in range(self._packets):
            events = np.zeros(2, EVENT_DTYPE)
            events["t"] = [1000 * seq, 1000 * seq + 999]
            self.health.losses_of_unknown_size += 1
            yield EventPacket(events, self.sensor, "inner", seq, 1000 * seq, 1000 * seq + 1000)
        if self._raises:
            raise CameraGoneError(self.name, "unplugged")

    def close(self) -> None:
        """Noted."""
        self.closed = True


def opener(*steps: Fragile | InputError) -> Callable[[], Fragile]:
    """Gives, or raises, one after the other."""
    waiting = iter(steps)

    def opens() -> Fragile:
        step = next(waiting)
        if isinstance(step, InputError):
            raise step
        return step

    return opens


def absent() -> InputError:
    """What a driver raises while its camera is not there."""
    return InputError(what="camera", got="none", allowed="one", todo="plug it in")


def taken(camera: ReconnectingCamera, events: int) -> list[EventPacket]:
    """Packets up to so many events."""
    packets = []
    for packet in camera:
        packets.append(packet)
        if sum(one.events.size for one in packets) >= events:
            break
    return packets


def test_a_camera_that_goes_and_comes_back_is_one_stream() -> None:
    """Spans follow each other, numbers too, times only grow, and silence fills the time away."""
    first, second = Fragile(3), Fragile(2)
    camera = ReconnectingCamera(opener(first, absent(), absent(), second), again_s=0.03)
    with camera:
        packets = taken(camera, 10)
    assert [packet.seq for packet in packets] == list(range(len(packets)))
    assert all(a.t_end_us == b.t_begin_us for a, b in pairwise(packets))
    times_us = np.concatenate([packet.events["t"] for packet in packets]).astype(np.int64)
    assert (np.diff(times_us) >= 0).all()
    assert all(
        ((packet.events["t"] >= packet.t_begin_us) & (packet.events["t"] < packet.t_end_us)).all()
        for packet in packets
    )
    away_us = int(times_us[6] - times_us[5])
    assert away_us >= 88_000  # three attempts, 30 ms apart; the packet back is 1 ms long
    silent = [packet for packet in packets if not packet.events.size]
    assert len(silent) >= 3
    health = camera.health
    assert health.times_away == 1
    assert health.losses_of_unknown_size == 5
    assert 88_000 <= health.away_us <= away_us
    gone, back = health.notices
    assert gone == "the camera is gone (unplugged); looking for it"
    assert back.startswith("the camera is back; away 0.")
    assert first.closed
    assert second.closed


def test_a_live_camera_that_just_ends_has_gone_too() -> None:
    """OpenCV says no more than that when a webcam is unplugged."""
    camera = ReconnectingCamera(opener(Fragile(1, raises=False), Fragile(1)), again_s=0.0)
    with camera:
        packets = taken(camera, 4)
    assert packets[0].events.size == packets[-1].events.size == 2
    assert camera.health.notices[0] == "the camera is gone (it gives no more); looking for it"


def test_closing_ends_the_search() -> None:
    """Whoever stops does not wait for a camera that never comes back."""
    camera = ReconnectingCamera(opener(Fragile(1), *(absent() for _ in range(1000))), again_s=0.01)
    for packet in camera:
        if not packet.events.size:
            camera.close()
    assert camera.health.times_away == 1


def test_another_camera_in_its_place_is_refused() -> None:
    """A stream has one size."""
    other = Fragile(1, sensor=SensorSize(8, 8))
    camera = ReconnectingCamera(opener(Fragile(1), other), again_s=0.0)
    with pytest.raises(InputError, match=r"got a sensor of 8x8; allowed: 4x4"):
        list(camera)
    assert other.closed


def test_what_is_wrong_at_the_start_is_said_at_once() -> None:
    """Only a camera that was there is waited for."""
    with pytest.raises(InputError, match="plug it in"):
        ReconnectingCamera(opener(absent()))


def test_an_error_while_opening_again_is_not_swallowed() -> None:
    """What is not an absent camera is a fault of the program."""

    def opens() -> Fragile:
        return next(cameras)

    cameras = iter([Fragile(1)])
    with pytest.raises(RuntimeError):  # StopIteration cannot leave a generator as itself
        list(ReconnectingCamera(opens, again_s=0.0))
