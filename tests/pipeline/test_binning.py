from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.errors import InputError
from drivers.events import EVENT_DTYPE, EventPacket, Events, SensorSize, empty_events
from pipeline.binning import (
    CHUNK_FRAMES,
    MOST_COUNTED,
    BinningCounts,
    FrameBinner,
    Frames,
    View,
    centred_view,
)

SENSOR = SensorSize(11, 7)
VIEW = View(x0=1, y0=1, cell=2, columns=4, rows=2)


def make_events(rows: list[tuple[int, int, int, bool]]) -> Events:
    """Events from (t, x, y, on), in order of time."""
    return np.array(sorted(rows), dtype=EVENT_DTYPE)


def make_packet(
    events: Events, begin_us: int, end_us: int, seq: int = 0, sensor: SensorSize = SENSOR
) -> EventPacket:
    """A packet of `[begin_us, end_us)`."""
    return EventPacket(events, sensor, "test", seq, begin_us, end_us)


def binner(*, counts: bool = False) -> FrameBinner:
    """A binner of four by two cells of four pixels each."""
    return FrameBinner(SENSOR, VIEW, counts=counts)


def run_all(
    events: Events, begin_us: int, end_us: int, cuts_us: list[int], *, counts: bool = False
) -> tuple[Frames, BinningCounts]:
    """Bin a stream cut into packets at these times."""
    used = binner(counts=counts)
    edges = [begin_us, *sorted(cuts_us), end_us]
    frames = []
    for seq, (first, last) in enumerate(pairwise(edges)):
        inside = (events["t"] >= first) & (events["t"] < last)
        frames.append(used.push(make_packet(events[inside], first, last, seq)))
    frames.append(used.finish())
    return np.concatenate(frames), used.counts


def by_the_definition(
    events: Events, begin_us: int, end_us: int, *, counts: bool = False
) -> Frames:
    """Frames written straight from the definition of bins and view."""
    frames = np.zeros((-(-(end_us - begin_us) // 1000), 2, VIEW.rows, VIEW.columns), np.uint8)
    for t, x, y, on in events.tolist():
        column, row = (x - VIEW.x0) // VIEW.cell, (y - VIEW.y0) // VIEW.cell
        if x >= SENSOR.width or y >= SENSOR.height:
            continue
        if 0 <= column < VIEW.columns and 0 <= row < VIEW.rows:
            cell = (t - begin_us) // 1000, 0 if on else 1, row, column
            frames[cell] = frames[cell] + 1 if counts else 1
    return frames


begins = st.sampled_from([0, 1, 999, 5_000_123, 2**40 + 7])
row = st.tuples(st.integers(0, 7_499), st.integers(0, 13), st.integers(0, 9), st.booleans())


@settings(deadline=None)
@given(begins, st.lists(row, max_size=60), st.lists(st.integers(0, 7_500), max_size=9))
def test_frames_do_not_depend_on_packets(
    begin_us: int, rows: list[tuple[int, int, int, bool]], cuts_us: list[int]
) -> None:
    """However a stream is cut into packets, its frames are those of the definition."""
    events = make_events([(begin_us + t, x, y, on) for t, x, y, on in rows])
    end_us = begin_us + 7_500
    frames, counts = run_all(events, begin_us, end_us, [begin_us + cut for cut in cuts_us])
    assert np.array_equal(frames, by_the_definition(events, begin_us, end_us))
    assert frames.dtype == np.uint8
    assert counts.frames == 8
    assert counts.events_late == 0
    assert counts.events_in == len(events)


@settings(deadline=None)
@given(
    begins,
    st.lists(row, max_size=60),
    st.lists(st.integers(0, 7_500), max_size=9),
    st.permutations(range(60)),
)
def test_events_are_counted_whatever_the_packets_and_their_order(
    begin_us: int,
    rows: list[tuple[int, int, int, bool]],
    cuts_us: list[int],
    order: list[int],
) -> None:
    """Where cells count, they hold all of their events, those that come out of order too."""
    events = make_events([(begin_us + t, x, y, on) for t, x, y, on in rows])
    end_us = begin_us + 7_500
    expected = by_the_definition(events, begin_us, end_us, counts=True)
    frames, counts = run_all(
        events, begin_us, end_us, [begin_us + cut for cut in cuts_us], counts=True
    )
    assert np.array_equal(frames, expected)
    assert frames.sum() == counts.events_binned
    used = binner(counts=True)
    mixed = events[[place for place in order if place < len(events)]]
    frames = np.concatenate([used.push(make_packet(mixed, begin_us, end_us)), used.finish()])
    assert np.array_equal(frames, expected)


def test_a_cell_that_is_full_stays_full() -> None:
    """A count does not begin at 0 again; the bins after it do."""
    many = make_events([(0, 1, 1, True)] * (MOST_COUNTED + 9) + [(1_000, 1, 1, True)])
    used = binner(counts=True)
    frames = np.concatenate([used.push(make_packet(many, 0, 1_500)), used.finish()])
    assert frames[:, 0, 0, 0].tolist() == [MOST_COUNTED, 1]
    assert used.counts.events_binned == MOST_COUNTED + 10
    late = make_events([(1_500, 1, 1, True)])
    back = np.concatenate([late, many])  # times go back: the cell is in a bin that is closed
    used = binner(counts=True)
    frames = np.concatenate([used.push(make_packet(back, 0, 2_500)), used.finish()])
    assert frames[:, 0, 0, 0].tolist() == [MOST_COUNTED, 2, 0]


@settings(deadline=None)
@given(st.lists(st.tuples(begins, st.lists(row, max_size=20), st.integers(0, 9000)), max_size=6))
def test_every_event_is_counted_once(
    packets: list[tuple[int, list[tuple[int, int, int, bool]], int]],
) -> None:
    """Whatever order packets come in and whatever they claim, the counts add up."""
    used = binner()
    given_in = 0
    for begin_us, rows, length_us in packets:
        if used.open_bin_us is not None and begin_us - used.open_bin_us > 10**7:
            continue
        events = make_events([(begin_us + t, x, y, on) for t, x, y, on in rows])
        for _ in used.iter_push(make_packet(events, begin_us, begin_us + length_us)):
            pass
        given_in += len(events)
        counts = used.counts
        assert counts.events_in == given_in
        assert counts.events_in == (
            counts.events_binned
            + counts.events_outside_view
            + counts.events_late
            + counts.events_invalid
        )


@settings(deadline=None)
@given(begins, st.lists(row, max_size=60))
def test_times_that_go_back_inside_a_packet_change_nothing(
    begin_us: int, rows: list[tuple[int, int, int, bool]]
) -> None:
    """A source that breaks its promise of order still gets the frames of the definition."""
    events = np.array([(begin_us + t, x, y, on) for t, x, y, on in rows], dtype=EVENT_DTYPE)
    used = binner()
    frames = [used.push(make_packet(events, begin_us, begin_us + 7_500)), used.finish()]
    assert np.array_equal(
        np.concatenate(frames), by_the_definition(events, begin_us, begin_us + 7_500)
    )
    assert used.counts.events_late == 0
    assert used.counts.events_in == len(events)


@pytest.mark.parametrize("byte", range(256))
def test_any_byte_but_nought_is_on(byte: int) -> None:
    """Whatever a sender puts where the flag stands, no cell but the event's own is set."""
    events = make_events([(5, 1, 1, False)])
    events.view(np.uint8)[12] = byte
    used = binner()
    used.push(make_packet(events, 0, 500))
    (frame,) = used.finish()
    assert np.flatnonzero(frame).tolist() == [0 if byte else 8]


def test_each_fate_of_an_event_has_its_counter() -> None:
    """Binned, outside the view, late and invalid events are told apart."""
    used = binner()
    used.push(make_packet(empty_events(), 0, 2_500))
    rows = [
        (100, 1, 1, True),  # before the open bin, which begins at 2,000
        (2_100, 1, 1, True),
        (2_600, 10, 1, True),  # right of the view
        (2_600, 11, 1, True),  # off the sensor
        (2_600, 1, 7, True),
        (3_000, 1, 1, True),  # after its packet's end
    ]
    used.push(make_packet(make_events(rows), 2_500, 3_000))
    assert used.counts == BinningCounts(6, 1, 1, 1, 3, frames=3)


def test_silence_gives_a_frame_every_millisecond() -> None:
    """A sensor that sees nothing still gives 1,000 frames a second."""
    used = binner()
    frames = sum(
        len(used.push(make_packet(empty_events(), begin_us, begin_us + 10_000)))
        for begin_us in range(0, 1_000_000, 10_000)
    )
    assert frames == 1000
    assert len(used.finish()) == 0


def test_gap_between_packets_is_silence() -> None:
    """Time that no packet vouches for gives empty frames, so that the clock goes on."""
    used = binner()
    first = used.push(make_packet(make_events([(5, 1, 1, True)]), 0, 1_000))
    second = used.push(make_packet(make_events([(4_005, 1, 1, True)]), 4_000, 5_000, seq=1))
    assert first.sum() == 1
    assert [int(frame.sum()) for frame in second] == [0, 0, 0, 1]


def test_gap_of_hours_comes_in_bounded_chunks() -> None:
    """A long silence costs time, not memory."""
    used = binner()
    used.push(make_packet(empty_events(), 0, 1_000))
    end_us = 600 * 1_000_000
    events = make_events([(end_us - 1, 1, 1, False)])
    sizes, ones = [], 0
    for frames in used.iter_push(make_packet(events, end_us - 1_000, end_us, seq=1)):
        sizes.append(len(frames))
        ones += int(frames.sum())
    assert max(sizes) == CHUNK_FRAMES
    assert sum(sizes) == 600_000 - 1
    assert ones == 1


def test_packet_that_closes_nothing_gives_an_empty_chunk() -> None:
    """Frames of no packet are an array of the right shape, of length nought."""
    frames = list(binner().iter_push(make_packet(empty_events(), 0, 999)))
    assert [item.shape for item in frames] == [(0, 2, 2, 4)]


def test_finish_closes_a_partly_covered_bin_once() -> None:
    """The rest of the stream is not lost, and is not given twice."""
    used = binner()
    used.push(make_packet(make_events([(1_100, 1, 1, False)]), 0, 1_200))
    last = used.finish()
    assert last.shape == (1, 2, 2, 4)
    assert last[0, 1, 0, 0] == 1
    assert len(used.finish()) == 0
    assert used.counts.frames == 2


def test_finish_of_nothing_gives_nothing() -> None:
    """A stream without packets has no frames."""
    assert len(binner().finish()) == 0


@pytest.mark.parametrize(
    ("sensor", "expected"),
    [
        (SensorSize(128, 128), View(0, 0, 4, 32, 32)),
        (SensorSize(346, 260), View(45, 2, 8, 32, 32)),
        (SensorSize(640, 480), View(80, 0, 15, 32, 32)),
        (SensorSize(34, 34), View(1, 1, 1, 32, 32)),
    ],
)
def test_view_is_centred_and_as_large_as_fits(sensor: SensorSize, expected: View) -> None:
    """Square cells of whole pixels, as many as fit, the rest shared between the sides."""
    assert centred_view(sensor) == expected


def test_sensor_smaller_than_the_model_is_refused() -> None:
    """Pixels are never made up."""
    with pytest.raises(InputError, match="31x40"):
        centred_view(SensorSize(31, 40))


def test_packet_of_another_sensor_is_refused() -> None:
    """A source does not change its size half way."""
    used = binner()
    packet = make_packet(empty_events(), 0, 1_000)
    used.push(packet)
    with pytest.raises(InputError, match="12x7"):
        used.push(replace(packet, sensor=SensorSize(12, 7)))


def test_bins_of_another_length_are_possible() -> None:
    """The bin's length is a setting; nonsense is refused."""
    used = FrameBinner(SENSOR, VIEW, bin_us=250)
    assert len(used.push(make_packet(empty_events(), 7, 1_007))) == 4
    with pytest.raises(InputError, match="0 us"):
        FrameBinner(SENSOR, VIEW, bin_us=0)
