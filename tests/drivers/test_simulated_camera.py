import numpy as np
import pytest

from drivers.errors import InputError
from drivers.events import EVENT_DTYPE, EventSource
from drivers.pixels import PixelSettings
from drivers.simulated_camera import SimulatedCamera

SILENT = PixelSettings(leak_hz=0.0, hot_pixels=0)


def events_of(user=1, light="led", gestures=(2,), seconds=0.6, **options):
    """All events of one session, and the camera."""
    options.setdefault("packet_us", 20_000)
    camera = SimulatedCamera(user, light, gestures, seconds, **options)
    return np.concatenate([packet.events for packet in camera]), camera


def labelled(events, camera, index=0):
    """The events of one labelled span."""
    _, begin_us, end_us = camera.spans[index]
    return events[(events["t"] >= begin_us) & (events["t"] < end_us)]


def test_the_same_arguments_give_the_same_bytes():
    """Run again, and made again, the camera gives identical events."""
    first, camera = events_of()
    again = np.concatenate([packet.events for packet in camera])
    other, _ = events_of()
    assert first.tobytes() == again.tobytes() == other.tobytes()


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"user": 2}, {"light": "natural"}, {"session": 1}, {"gestures": (3,)}]
)
def test_every_argument_matters(change):
    """Another seed, user, light, session or gesture gives other events."""
    assert events_of()[0].tobytes() != events_of(**change)[0].tobytes()


@pytest.mark.parametrize("packet_us", [1000, 3333, 50_000, 10_000_000])
def test_packets_join_without_gaps_whatever_their_length(packet_us):
    """Packets cover the session end to end and hold the same events for any packet length."""
    events, camera = events_of(packet_us=packet_us)
    packets = list(camera)
    assert packets[0].t_begin_us == 0
    assert packets[-1].t_end_us == camera.duration_us
    for seq, packet in enumerate(packets):
        assert packet.seq == seq
        assert packet.events.dtype == EVENT_DTYPE
        if seq:
            assert packet.t_begin_us == packets[seq - 1].t_end_us
        if seq < len(packets) - 1:
            assert packet.t_end_us - packet.t_begin_us == packet_us
        if packet.events.size:
            assert packet.t_begin_us <= packet.events["t"][0]
            assert packet.events["t"][-1] < packet.t_end_us
    assert events.tobytes() == events_of()[0].tobytes()


def test_the_camera_is_an_event_source():
    """It satisfies the protocol and, once closed, gives no further packet."""
    with SimulatedCamera(1, "led", [1], 0.5) as camera:
        assert isinstance(camera, EventSource)
        packets = iter(camera)
        assert next(packets).source == "simulated-user01-led"
    assert next(packets, None) is None


def test_times_never_decrease_and_addresses_are_on_the_sensor():
    """Events are sorted by time and lie on 128x128 pixels."""
    events, camera = events_of(light="fluorescent", gestures=(8, 11))
    assert (np.diff(events["t"].astype(np.int64)) >= 0).all()
    assert events["x"].max() < camera.sensor.width
    assert events["y"].max() < camera.sensor.height


def test_the_eleven_gestures_are_distinct():
    """Each gesture's map of events is nearer to its own second trial than to any other one."""

    def maps(session):
        events, camera = events_of(
            user=7, light="natural", gestures=range(1, 12), seconds=1.0, session=session
        )
        drawn = []
        for index in range(11):
            part = labelled(events, camera, index)
            cells, _, _ = np.histogram2d(part["y"], part["x"], 16, [[0, 128], [0, 128]])
            drawn.append(np.sqrt(cells).ravel() / np.sqrt(max(1, part.size)))
        return np.array(drawn)

    one, other = maps(0), maps(1)
    likeness = one @ other.T
    # The two directions of an arm cover the same place; the next test tells them apart.
    twins = {3: 4, 4: 3, 5: 6, 6: 5}
    for index in range(11):
        best = int(np.argmax(likeness[index]))
        assert best in (index, twins.get(index))


@pytest.mark.parametrize("user", [7, 24])
def test_the_direction_of_a_turning_arm_shows_in_the_events(user):
    """The middle of the events goes round clockwise in the picture where the gesture says so."""
    events, camera = events_of(user=user, light="natural", gestures=(4, 5, 6, 7), seconds=2.0)
    for index, sign in enumerate((1, -1, 1, -1)):
        part = labelled(events, camera, index)
        window = (part["t"] - part["t"][0]).astype(np.int64) // 40_000
        x, y = (np.bincount(window, part[axis]) / np.bincount(window) for axis in ("x", "y"))
        angle = np.unwrap(np.arctan2(y - y.mean(), x - x.mean()))
        assert sign * (angle[-1] - angle[0]) > np.pi


def test_right_and_left_waves_are_on_their_sides():
    """The performer's right hand moves on the picture's left, the left hand on its right."""
    events, camera = events_of(gestures=(2, 3), seconds=1.0)
    right, left = (labelled(events, camera, index)["x"].mean() for index in (0, 1))
    assert right < camera.subject.centre_x_px - 8
    assert left > camera.subject.centre_x_px + 8


@pytest.mark.parametrize("user", [1, 2])
def test_fluorescent_light_flickers_in_the_events(user):
    """The spectrum of the rate of ON events peaks at 100 or 120 Hz, under this light only."""
    peaks = {}
    for light in ("fluorescent", "led"):
        events, camera = events_of(user=user, light=light, gestures=(10,), seconds=2.0)
        on = labelled(events, camera)
        on = on[on["on"]]
        rate = np.bincount((on["t"] - on["t"][0]).astype(np.int64) // 1000, minlength=2000)[:2000]
        power = np.abs(np.fft.rfft(rate - rate.mean())) ** 2
        hertz = np.fft.rfftfreq(2000, 1e-3)
        fast = (hertz > 60) & (hertz < 350)
        peaks[light] = (hertz[fast][np.argmax(power[fast])], power[fast].max() / power[fast].mean())
    assert min(abs(peaks["fluorescent"][0] - flicker) for flicker in (100, 120)) < 1.0
    assert peaks["fluorescent"][1] > 50 > peaks["led"][1]


def test_noise_grows_from_natural_to_fluorescent_light():
    """Far from the body there is little but noise, least of it in natural light."""
    counts = []
    for light in ("natural", "led", "fluorescent"):
        events, _ = events_of(user=3, light=light, gestures=(3,), seconds=1.5)
        counts.append(int(((events["x"] < 12) & (events["y"] < 40)).sum()))
    assert counts == sorted(counts)
    assert 0 < counts[0] < counts[2]


def test_pixel_settings_reach_the_pixels():
    """Thresholds beyond every contrast leave nothing but shot noise."""
    blind = PixelSettings(threshold_on=8.0, threshold_off=8.0, leak_hz=0.0, hot_pixels=0)
    events, camera = events_of(light="natural", pixels=blind)
    expected = camera.light.noise_hz * 128 * 128 * camera.duration_us * 1e-6
    assert events.size == pytest.approx(expected, rel=0.15)
    assert events_of(light="natural", pixels=SILENT)[0].size > 3 * expected


def test_a_user_under_another_light_is_the_same_person():
    """Only the light changes between the recordings of one user."""
    one, other = (SimulatedCamera(4, light, [1]) for light in ("led", "natural"))
    assert one.subject == other.subject


@pytest.mark.parametrize("wrong", [{"light": "moon"}, {"packet_us": 0}, {"gestures": (13,)}])
def test_wrong_arguments_are_refused(wrong):
    """One line says what is allowed."""
    with pytest.raises(InputError, match="allowed"):
        events_of(**wrong)
