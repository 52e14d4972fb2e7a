"""Pictures become events where the light changed, when it changed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.errors import InputError
from drivers.events import SensorSize
from drivers.frame_events import MOST_EVENTS, FrameEvents, FrameEventSettings, log_of_grey_levels

EXACT = FrameEventSettings(threshold_mismatch=0.0)
SENSOR = SensorSize(8, 6)


def grey(level: int) -> np.ndarray:
    """A picture of one grey level."""
    return np.full((SENSOR.height, SENSOR.width), level, np.uint8)


def test_a_brighter_pixel_gives_on_events_spread_over_the_time_between() -> None:
    """From 100 to 190 the log rises by 0.64: three steps of 0.2, equally far apart in log light."""
    pixels = FrameEvents(SENSOR, EXACT)
    assert pixels.see(grey(100), 1000).size == 0
    picture = grey(100)
    picture[2, 5] = 190
    events = pixels.see(picture, 34_000)
    assert events["on"].all()
    assert set(events["x"]) == {5}
    assert set(events["y"]) == {2}
    rise = np.log(190 / 100)
    expected = 1000 + 33_000 * np.array([0.2, 0.4, 0.6]) / rise
    assert np.abs(events["t"] - expected).max() <= 2


def test_what_falls_short_of_a_threshold_is_remembered() -> None:
    """Three steps of 0.08 give one OFF event, in the third."""
    pixels = FrameEvents(SENSOR, EXACT)
    counts = []
    for number, level in enumerate((200, 185, 171, 158)):
        events = pixels.see(grey(level), 1000 * (number + 1))
        counts.append(events.size)
        assert not events["on"].any()
    assert counts == [0, 0, 0, SENSOR.width * SENSOR.height]


def test_the_dark_end_is_linear() -> None:
    """Noise of a level or two in the dark is no event, and the curve has no jump."""
    logs = log_of_grey_levels()
    assert logs[0] == 0
    assert (np.diff(logs) > 0).all()
    assert np.diff(logs)[:19].max() < 0.2


def test_thresholds_differ_between_pixels_and_are_the_same_for_a_seed() -> None:
    """Mismatch spreads the moments at which equal pixels fire."""
    runs = []
    for seed in (1, 1, 2):
        pixels = FrameEvents(SENSOR, FrameEventSettings(seed=seed))
        pixels.see(grey(100), 0)
        runs.append(pixels.see(grey(150), 10_000))
    assert np.unique(runs[0]["t"]).size > 10
    assert runs[0].tobytes() == runs[1].tobytes() != runs[2].tobytes()


@settings(max_examples=50, deadline=None)
@given(levels=st.lists(st.integers(0, 255), min_size=2, max_size=6), data=st.data())
def test_events_are_in_order_inside_their_span_and_account_for_the_light(
    levels: list[int], data: st.DataObject
) -> None:
    """Whatever the light does, ON minus OFF steps follow it to within one threshold."""
    pixels = FrameEvents(SENSOR, EXACT)
    t_us, logs = 0, log_of_grey_levels()
    pixels.see(grey(levels[0]), t_us)
    followed = float(logs[levels[0]])
    for level in levels[1:]:
        begin_us, t_us = t_us, t_us + data.draw(st.integers(1, 40_000))
        events = pixels.see(grey(level), t_us)
        times = events["t"].astype(np.int64)
        assert (np.diff(times) >= 0).all()
        assert ((times >= begin_us) & (times < t_us)).all()
        each = events.size / (SENSOR.width * SENSOR.height)
        assert each == int(each) <= MOST_EVENTS
        if each == MOST_EVENTS:
            return
        followed += (1 if events["on"].any() else -1) * 0.2 * each
        assert abs(followed - float(logs[level])) < 0.2 + 1e-4


def test_a_cut_of_the_film_is_bounded_and_forgotten() -> None:
    """From black to white a pixel fires `MOST_EVENTS` times, and then rests."""
    pixels = FrameEvents(SENSOR, EXACT)
    pixels.see(grey(0), 0)
    events = pixels.see(grey(255), 10_000)
    assert events.size == MOST_EVENTS * SENSOR.width * SENSOR.height
    assert pixels.see(grey(255), 20_000).size == 0


def test_wrong_pictures_are_refused() -> None:
    """Another size, another type, a time that stands still."""
    pixels = FrameEvents(SENSOR, EXACT)
    with pytest.raises(InputError, match="shape"):
        pixels.see(np.zeros((3, 3), np.uint8), 0)
    pixels.see(grey(1), 5)
    with pytest.raises(InputError, match="later than the one before"):
        pixels.see(grey(1), 5)
    with pytest.raises(InputError, match="thresholds"):
        FrameEventSettings(threshold_on=0.01)
