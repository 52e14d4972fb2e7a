from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from drivers.errors import InputError
from drivers.events import EVENT_DTYPE, EventPacket, Events, SensorSize
from pipeline.event_filters import EventFilters
from pipeline.filter_settings import FilterSettings
from pipeline.hot_pixels import WATCH_US, find_hot_pixels
from recordings.formats import open_recording

SENSOR = SensorSize(7, 5)
GESTURES = Path(__file__).resolve().parents[3] / "shared" / "data" / "dvs128_gesture"
BOTH = FilterSettings(hot_pixels=True, noise_ms=2.0)


def made(times: list[int], xs: list[int], ys: list[int]) -> Events:
    """Events with these times, columns and rows; every other one is ON."""
    events = np.zeros(len(times), EVENT_DTYPE)
    events["t"], events["x"], events["y"] = times, xs, ys
    events["on"] = np.arange(len(times)) % 2
    return events


def packets(events: Events, edges: list[int]) -> list[EventPacket]:
    """The events cut at these times, the last of which is the end."""
    begins = [0, *edges[:-1]]
    return [
        EventPacket(
            events[(events["t"] >= begin) & (events["t"] < end)], SENSOR, "s", seq, begin, end
        )
        for seq, (begin, end) in enumerate(zip(begins, edges, strict=True))
    ]


def through(events: Events, edges: list[int], settings: FilterSettings) -> tuple[Events, Events]:
    """What the filters keep, and their counts."""
    filters = EventFilters(SENSOR, settings)
    kept = [filters.apply(packet).events for packet in packets(events, edges)]
    return np.concatenate(kept), filters.counts


END_US = 2 * WATCH_US


@st.composite
def streams(draw: st.DrawFn) -> Events:
    """Up to 300 events of a small sensor, some a little off it, with one busy pixel at times."""
    count = draw(st.integers(0, 300))
    raw = draw(arrays(np.uint64, (count, 3), elements=st.integers(0, 2**32)))
    events = made(sorted((raw[:, 0] % END_US).tolist()), raw[:, 1] % 9, (raw[:, 2] % 6).tolist())
    if draw(st.booleans()):
        events["x"][::2], events["y"][::2] = 3, 2
    return events


@settings(max_examples=60, deadline=None)
@given(streams(), st.lists(st.integers(1, END_US - 1), max_size=12))
def test_filters_only_leave_out_and_count_what_they_leave_out(
    events: Events, cuts: list[int]
) -> None:
    """Counts add up; what is kept was there, in its order; packets make no difference."""
    whole, counts = through(events, [END_US], BOTH)
    assert counts.received == events.size
    assert counts.received == counts.kept + counts.removed_hot + counts.removed_noise
    assert counts.kept == whole.size
    rest = iter(events.tolist())
    assert all(event in rest for event in whole.tolist())  # a subsequence: `in` goes on from there
    cut, cut_counts = through(events, [*sorted(set(cuts)), END_US], BOTH)
    assert cut.tobytes() == whole.tobytes()
    assert cut_counts == counts


@settings(max_examples=40, deadline=None)
@given(streams())
def test_background_activity_is_what_no_neighbour_came_before(events: Events) -> None:
    """The compiled filter keeps what its definition, written out, keeps."""
    kept, counts = through(events, [END_US], FilterSettings(noise_ms=2.0))
    expected = []
    fired_us: dict[tuple[int, int], int] = {}
    for t_us, x, y, on in events.tolist():
        near = [(x + right, y + down) for down in (-1, 0, 1) for right in (-1, 0, 1)]
        near.remove((x, y))
        inside = x < SENSOR.width and y < SENSOR.height
        if not inside or any(t_us - fired_us.get(place, -(10**9)) <= 2000 for place in near):
            expected.append((t_us, x, y, on))
        if inside:
            fired_us[x, y] = t_us
    assert kept.tolist() == expected
    assert counts.removed_hot == 0


def test_a_hot_pixel_is_found_in_the_first_second_and_left_out_then() -> None:
    """One that fires by itself 40 times; a busy region does not count as hot."""
    hot = made(list(range(0, END_US, 25_000)), [1] * 80, [1] * 80)
    block = [(x, y) for x in (3, 4, 5) for y in (2, 3, 4)]
    times = list(range(100, END_US, 25_000))
    busy = made(
        [t for t in times for _ in block], [x for x, _ in block] * 80, [y for _, y in block] * 80
    )
    events = np.concatenate([hot, busy])
    events = events[np.argsort(events["t"], kind="stable")]
    kept, counts = through(events, [END_US], FilterSettings(hot_pixels=True))
    late = kept[kept["t"] >= WATCH_US]
    assert counts.removed_hot == 40
    assert set(zip(late["x"].tolist(), late["y"].tolist(), strict=True)) == set(block)
    assert (kept["x"] == 1).sum() == 40


def test_the_neighbours_of_a_hot_pixel_are_not_hot_for_that() -> None:
    """Two hot pixels side by side are both found; quiet ones around them are not."""
    counts = np.ones((5, 5), np.int64)
    counts[2, 2] = counts[2, 3] = 500
    assert np.argwhere(find_hot_pixels(counts)).tolist() == [[2, 2], [2, 3]]
    assert not find_hot_pixels(np.full((5, 5), 500)).any()


def test_filters_are_switched_while_they_run() -> None:
    """From the packet after the request on; "find" watches anew and forgets what has cooled."""
    stream = made(list(range(0, 4 * WATCH_US, 25_000)), [1] * 80 + [5] * 80, [1] * 80 + [3] * 80)
    second, third, fourth, last = packets(stream, [WATCH_US * n for n in (1, 2, 3, 4)])
    filters = EventFilters(SENSOR, FilterSettings(hot_pixels=True))
    assert filters.apply(second).events.size == 40
    assert filters.apply(third).events.size == 0
    assert filters.status()["hot_pixels_found"] == 1
    filters.ask({"hot_pixels": "find"})
    assert filters.apply(fourth).events.size == 40
    filters.ask({"noise_ms": True})
    assert filters.apply(last).events.size == 0
    assert filters.status() == {
        "hot_pixels": True,
        "noise_ms": 10.0,
        "hot_pixels_found": 1,
        "received": 160,
        "kept": 80,
        "removed_hot": 80,
        "removed_noise": 0,
    }
    filters.ask({"hot_pixels": False, "noise_ms": False})
    assert filters.apply(last).events.size == 40


@pytest.mark.parametrize(
    "request_", [{"hot_pixels": "all"}, {"noise_ms": "x"}, {"noise_ms": 0}, {"noise_ms": 1e9}]
)
def test_a_request_that_makes_no_sense_changes_nothing(request_: dict[str, object]) -> None:
    """And says what is allowed."""
    filters = EventFilters(SENSOR, BOTH)
    with pytest.raises(InputError, match="allowed"):
        filters.ask(request_)
    assert filters.status()["hot_pixels"] is True
    assert filters.status()["noise_ms"] == 2.0


@pytest.mark.skipif(not GESTURES.is_dir(), reason="no real recordings here")
def test_real_recordings_lose_noise_and_not_the_gesture() -> None:
    """Of a DVS128 before a person: most events stay, and counts add up."""
    for path in sorted(GESTURES.glob("*.aedat4")):
        with open_recording(path, packet_us=1000) as recording:
            filters = EventFilters(recording.sensor, FilterSettings(hot_pixels=True, noise_ms=10.0))
            kept = sum(filters.apply(packet).events.size for packet in recording)
        counts = filters.counts
        assert kept == counts.kept == counts.received - counts.removed_hot - counts.removed_noise
        assert 0.4 < kept / counts.received < 0.95
