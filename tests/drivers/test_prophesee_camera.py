"""The driver on neuromorphic-drivers, with the types that the package itself has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from drivers.cameras import open_camera
from drivers.errors import CameraGoneError, InputError
from drivers.events import EVENT_DTYPE, EventPacket, SensorSize

nd = pytest.importorskip("neuromorphic_drivers")
from neuromorphic_drivers import status as nd_status  # noqa: E402 - only where the package is

from drivers.prophesee_camera import (  # noqa: E402
    MODELS,
    MOST_BEHIND,
    PropheseeCamera,
    configured,
    in_plain_words,
)

WITH_EVENTS = ["prophesee_evk3_hd", "prophesee_evk4", "centuryarks_vga"]
Step = tuple[Any, Any] | Exception


class Scripted:
    """An open device as `PropheseeEvk4DeviceOptional` describes one, giving what it is told to."""

    def __init__(self, *steps: Step) -> None:
        self.cleared: list[int] = []
        self.closed = False
        self._steps = iter(steps)

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        return self

    def __next__(self) -> tuple[Any, Any]:
        step = next(self._steps)
        if isinstance(step, Exception):
            raise step
        return step

    def name(self) -> Any:
        """Of the model."""
        return nd.Name.PROPHESEE_EVK4

    def properties(self) -> Any:
        """Of the model."""
        return nd.prophesee_evk4.Properties()

    def serial(self) -> str:
        """Of the camera."""
        return "00050423"

    def clear_backlog(self, until: int) -> None:
        """Noted."""
        self.cleared.append(until)

    def close(self) -> None:
        """Noted."""
        self.closed = True


def step(
    times_us: list[int],
    current_t: int,
    *,
    backlog: int = 0,
    dropped: int = 0,
    overflows: Any = None,
) -> Step:
    """What iterating gives: the package's status and packet, events with its documented dtype."""
    events = np.zeros(len(times_us), [("t", "<u8"), ("x", "<u2"), ("y", "<u2"), ("on", "?")])
    events["t"], events["x"], events["y"] = times_us, 1279, 719
    packet = nd.packet.Evt3Packet()
    packet.polarity_events = events if times_us else None
    packet.trigger_events = None
    packet.polarity_events_overflow_indices = overflows
    ring = nd_status.RingStatus(
        system_time=0.0,
        backlog=backlog,
        raw_packets=1,
        clutch_engaged=False,
        current_t=current_t,
        dropped_packets=dropped,
    )
    return nd_status.Status(system_time=0.0, ring=ring), packet


def timeout() -> Step:
    """What iterating gives where nothing came in time, as the package's `Device` makes it."""
    packet = nd.packet.Evt3Packet()
    packet.polarity_events = packet.polarity_events_overflow_indices = None
    return nd_status.RawStatus(system_time=0.0, ring=None), packet


def taken(camera: PropheseeCamera) -> list[EventPacket]:
    """All packets until the camera has gone."""
    packets: list[EventPacket] = []
    with pytest.raises(CameraGoneError):
        packets += _noting(camera, packets)
    return packets


def _noting(camera: PropheseeCamera, packets: list[EventPacket]) -> list[EventPacket]:
    for packet in camera:
        packets.append(packet)  # noqa: PERF402 - those before the error are wanted
    return []


def test_the_stand_in_has_only_what_the_packages_own_device_has() -> None:
    """So the driver calls nothing that a real device lacks."""
    ours = {name for name in vars(Scripted) if not name.startswith("_")}
    assert ours <= set(dir(nd.prophesee_evk4.PropheseeEvk4DeviceOptional))
    assert ours <= set(dir(nd.device.Device))


def test_events_come_as_they_are_and_the_cameras_clock_ends_a_packet() -> None:
    """Silence that the camera vouches for is a packet without events."""
    camera = PropheseeCamera(
        Scripted(step([5_000, 5_400], 6_000), timeout(), step([], 9_000), step([9_500], 10_000))
    )
    assert camera.sensor == SensorSize(1280, 720)
    assert camera.name == "Prophesee-EVK4-00050423"
    packets = taken(camera)
    events = np.concatenate([packet.events for packet in packets])
    assert events.dtype == EVENT_DTYPE
    assert np.diff(events["t"]).tolist()[1:] == [4_100]
    assert [packet.events.size for packet in packets] == [2, 0, 1]
    assert packets[1].t_end_us - packets[0].t_end_us == 3_000
    assert packets[-1].t_end_us - packets[1].t_end_us == 1_000


def test_what_the_library_dropped_is_said_and_not_made_up() -> None:
    """It counts packets of the bus: how many events were in them nobody knows."""
    camera = PropheseeCamera(
        Scripted(
            step([1_000], 2_000),
            step([3_000], 4_000, dropped=3, overflows=np.array([0])),
            step([5_000], 6_000, dropped=3),
        )
    )
    packets = taken(camera)
    assert all(packet.lost_before == 0 for packet in packets)
    assert camera.health.losses_of_unknown_size == 1
    assert list(camera.health.notices) == [
        "3 packets of the USB bus dropped, with an unknown number of events"
    ]


def test_a_reader_far_behind_throws_away_and_says_so() -> None:
    """Better a gap than labels of what was seconds ago."""
    device = Scripted(step([1_000], 2_000, backlog=MOST_BEHIND + 1), step([9_000], 9_500))
    camera = PropheseeCamera(device)
    taken(camera)
    assert device.cleared == [0]
    assert camera.health.losses_of_unknown_size == 1
    assert "1025 buffers behind" in camera.health.notices[0]


def test_an_unplugged_camera_is_gone() -> None:
    """Whatever the library raises then."""
    device = Scripted(step([1_000], 2_000), RuntimeError("Control(NoDevice)"))
    camera = PropheseeCamera(device)
    with pytest.raises(CameraGoneError, match="NoDevice"):
        list(camera)
    camera.close()
    assert device.closed


@pytest.mark.parametrize("model", WITH_EVENTS)
def test_options_become_the_models_own_configuration(model: str) -> None:
    """Biases, event rate and region, for every model that has them; the library can send it."""
    module = getattr(nd, model)
    configuration = configured(module, "diff_on:10+diff_off:7", "64x32+100+50", "2e6")
    assert (configuration.biases.diff_on, configuration.biases.diff_off) == (10, 7)
    assert configuration.rate_limiter == module.RateLimiter(200, 400)
    mask = nd.RowColumnMask(module.Properties().width, module.Properties().height, set=True)
    mask.clear_rectangle(x=100, y=module.Properties().height - 82, width=64, height=32)
    assert (configuration.x_mask, configuration.y_mask) == (mask.x_mask(), mask.y_mask())
    seen = np.argwhere(mask.pixels())
    assert seen.min(0).tolist() == [50, 100]
    assert seen.max(0).tolist() == [81, 163]


def test_a_davis_has_a_region_of_its_own_kind_and_no_limit() -> None:
    """What a model lacks is refused by name."""
    module = nd.inivation_davis346
    region = configured(module, "onbn:1600", "64x32+100+50", "").region_of_interest
    assert region == module.RegionOfInterest(left=100, top=50, width=64, height=32)
    with pytest.raises(InputError, match="rate: got '1e6'; allowed: nothing"):
        configured(module, "", "", "1e6")
    with pytest.raises(InputError, match=r"roi: got .*; allowed: nothing"):
        configured(nd.inivation_dvxplorer, "", "64x32+0+0", "")


@pytest.mark.parametrize(
    ("biases", "roi", "rate", "message"),
    [
        ("sharpness:3", "", "", "'sharpness'; allowed: pr, fo"),
        ("pr=3", "", "", "'pr=3'; allowed: NAME:NUMBER"),
        ("pr:40000", "", "", "numbers that fit"),
        ("", "64x32", "", "allowed: WIDTHxHEIGHT"),
        ("", "64x32+1279+0", "", "within 1280x720"),
        ("", "", "fast", "rate: got 'fast'"),
    ],
)
def test_options_that_make_no_sense_say_what_does(
    biases: str, roi: str, rate: str, message: str
) -> None:
    """Before the camera is touched."""
    with pytest.raises(InputError, match=message):
        configured(nd.prophesee_evk4, biases, roi, rate)


def test_every_model_of_the_library_has_its_module() -> None:
    """By the name in its list."""
    assert "prophesee_evk4" in MODELS
    for model in MODELS:
        assert getattr(nd, model).Configuration.type() == model


def test_no_camera_is_one_sentence() -> None:
    """And where there is no USB bus, that is said instead of "Other error"."""
    with pytest.raises(InputError, match="allowed: inivation_davis346"):
        open_camera("prophesee:model=evk9")
    try:
        found = nd.list_devices()
    except RuntimeError:
        found = []
    if found:
        pytest.skip("there is a camera")
    with pytest.raises(InputError, match=r"got (no USB bus|.*not).*; see `wigwag devices`"):
        open_camera("prophesee")


def test_other_error_is_said_as_what_it_means() -> None:
    """The library's word for a machine without any USB bus."""
    assert in_plain_words(RuntimeError("Other error")) == "no USB bus (Other error)"
    assert in_plain_words(RuntimeError("device busy")) == "device busy"
