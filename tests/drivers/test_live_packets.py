from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from drivers.camera_health import CameraHealth
from drivers.events import EVENT_DTYPE, Events, SensorSize
from drivers.live_packets import MARGIN_US, LivePackets, Reading, nothing

CAMERA_US = 1_700_000_000_000_000
"""Where the camera's clock stands when it is opened."""


def at(*times_us: int) -> Events:
    """Events at these times of the camera."""
    events = np.zeros(len(times_us), EVENT_DTYPE)
    events["t"] = times_us
    return events


class Clock:
    """The host's clock, moved by hand."""

    def __init__(self) -> None:
        self.us = 5_000

    def __call__(self) -> int:
        """In nanoseconds."""
        return self.us * 1000


def maker(clock: Clock) -> tuple[LivePackets, CameraHealth]:
    """A maker of packets, and what it counts."""
    health = CameraHealth()
    return LivePackets("cam", SensorSize(8, 8), health, clock_ns=clock), health


def test_time_begins_with_the_opening_and_goes_on_by_the_cameras_clock() -> None:
    """The first reading ends now; what follows keeps the distances that the camera measured."""
    clock = Clock()
    make, health = maker(clock)
    clock.us += 700
    first = make.packet(Reading(at(CAMERA_US + 100, CAMERA_US + 499)))
    clock.us += 2_000
    second = make.packet(Reading(at(CAMERA_US + 1_500)))
    assert first is not None
    assert second is not None
    assert first.events["t"].tolist() == [300, 699]
    assert (first.t_begin_us, first.t_end_us) == (0, 700)
    assert second.events["t"].tolist() == [1_700]
    assert health.events_held == 0


def test_silence_is_said_by_the_hosts_clock_less_a_margin() -> None:
    """Before the first event and after it; too little of it says nothing."""
    clock = Clock()
    make, _ = maker(clock)
    assert make.packet(nothing()) is None
    clock.us += 50_000
    silence = make.packet(nothing())
    assert silence is not None
    assert (silence.t_begin_us, silence.t_end_us) == (0, 50_000 - MARGIN_US)
    assert make.packet(nothing()) is None
    seen = make.packet(Reading(at(CAMERA_US)))
    assert seen is not None
    assert seen.t_begin_us == 50_000 - MARGIN_US
    clock.us += 100_000
    later = make.packet(nothing())
    assert later is not None
    assert later.t_end_us == 150_000 - MARGIN_US


def test_a_clock_of_the_camera_that_is_known_ends_the_packet() -> None:
    """Its library may know that nothing more came, up to a time after the last event."""
    clock = Clock()
    make, _ = maker(clock)
    clock.us += 4_000
    packet = make.packet(Reading(at(CAMERA_US), until_us=CAMERA_US + 4_000))
    assert packet is not None
    silence = make.packet(Reading(at(), until_us=CAMERA_US + 9_000))
    assert silence is not None
    assert silence.t_end_us - packet.t_end_us == 5_000


def test_losses_are_handed_on_even_without_events() -> None:
    """What was lost is said with the next packet, whatever is in it."""
    make, _ = maker(Clock())
    packet = make.packet(Reading(at(), lost=7))
    assert packet is not None
    assert packet.lost_before == 7


@given(
    st.lists(
        st.tuples(st.integers(0, 30_000), st.lists(st.integers(-20_000, 20_000), max_size=5)),
        max_size=20,
    )
)
def test_whatever_the_camera_says_its_packets_are_a_stream(
    readings: list[tuple[int, list[int]]],
) -> None:
    """No event is lost, spans follow each other and hold their events, times never go back."""
    clock = Clock()
    make, health = maker(clock)
    packets = []
    camera_us = CAMERA_US
    given_events = 0
    for passed_us, times_us in readings:
        clock.us += passed_us
        camera_us += passed_us
        given_events += len(times_us)
        packet = make.packet(Reading(at(*(camera_us + t_us for t_us in times_us))))
        if packet is not None:
            packets.append(packet)
    assert sum(packet.events.size for packet in packets) == given_events
    assert health.events_held <= given_events
    assert all(a.t_end_us == b.t_begin_us for a, b in pairwise(packets))
    for packet in packets:
        times = packet.events["t"].astype(np.int64)
        assert (np.diff(times) >= 0).all()
        assert ((times >= packet.t_begin_us) & (times < packet.t_end_us)).all()
