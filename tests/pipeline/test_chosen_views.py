import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.errors import InputError
from drivers.events import EVENT_DTYPE, EventPacket, Events, SensorSize
from pipeline.binning import FrameBinner, View
from pipeline.chosen_views import ChosenView, Square, read_view, view_at, view_of
from pipeline.intake import Intake

SENSOR = SensorSize(40, 30)
CELLS = {"columns": 8, "rows": 8}


def events_of(seed: int, count: int, end_us: int) -> Events:
    """Random events all over the sensor, in order."""
    random = np.random.default_rng(seed)
    events = np.zeros(count, EVENT_DTYPE)
    events["t"] = np.sort(random.integers(100, end_us, count))
    events["x"], events["y"] = random.integers(0, 40, count), random.integers(0, 30, count)
    events["on"] = random.integers(0, 2, count)
    return events


def cut(events: Events, edges: list[int]) -> list[EventPacket]:
    """The events in packets with these ends."""
    begins = [100, *edges[:-1]]
    return [
        EventPacket(
            events[(events["t"] >= begin) & (events["t"] < end)], SENSOR, "s", seq, begin, end
        )
        for seq, (begin, end) in enumerate(zip(begins, edges, strict=True))
    ]


def framed(intake: Intake, packets: list[EventPacket]) -> tuple[list[int], bytes]:
    """Times and content of all frames."""
    frames = [pair for packet in packets for pair in intake.push(packet)]
    frames += intake.finish(None)
    return [t_us for t_us, _ in frames], b"".join(frame.tobytes() for _, frame in frames)


@pytest.mark.parametrize(
    ("text", "view"),
    [
        ("1,2,16", ChosenView(Square(1, 2, 16))),
        ("centred", ChosenView()),
        ("centred@3", ChosenView(None, 3_000_000)),
        ("0,0,8@0.000001", ChosenView(Square(0, 0, 8), 1)),
    ],
)
def test_a_view_is_read_as_it_is_written(text: str, view: ChosenView) -> None:
    """To the microsecond, both ways."""
    assert read_view(text) == view
    assert read_view(str(view)) == view


@pytest.mark.parametrize("text", ["", "1,2", "1,2,x", "1,2,3,4", "-1,2,3", "1,2,16@-1", "1,2,8@x"])
def test_what_is_no_view_is_refused(text: str) -> None:
    """Saying how one is written."""
    with pytest.raises(InputError, match="allowed: X,Y,SIDE"):
        read_view(text)


def test_cells_are_whole_pixels_in_the_middle_of_the_square() -> None:
    """Of 19 pixels 8 cells take two each, and three pixels are left over around them."""
    assert view_of(Square(5, 6, 19), SENSOR, **CELLS) == View(6, 7, 2, 8, 8)
    assert view_of(None, SENSOR, **CELLS) == View(8, 3, 3, 8, 8)
    for square in (Square(33, 0, 8), Square(0, 23, 8), Square(0, 0, 7)):
        with pytest.raises(InputError, match="a square on the sensor of 40x30 pixels"):
            view_of(square, SENSOR, **CELLS)


def test_the_latest_view_that_has_begun_holds() -> None:
    """Before the first of them it is the centre."""
    views = [ChosenView(Square(1, 1, 8), 20), ChosenView(Square(2, 2, 8), 10)]
    found = [view_at(views, t_us, SENSOR, **CELLS) for t_us in (9, 10, 19, 20)]
    assert [view.x0 for view in found] == [8, 2, 2, 1]


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 99),
    st.lists(st.integers(101, 29_999), max_size=8),
    st.lists(st.tuples(st.integers(0, 32_000), st.integers(0, 20)), max_size=3),
)
def test_every_frame_sees_the_view_of_its_time_whatever_the_packets(
    seed: int, cuts: list[int], changes: list[tuple[int, int]]
) -> None:
    """Frame by frame as a binner of that view alone would make it; counts add up."""
    events = events_of(seed, 600, 30_000)
    views = [ChosenView(Square(x, x // 2, 16), from_us) for from_us, x in changes]
    edges = [*sorted(set(cuts)), 30_000]
    intake = Intake(**CELLS, views=views)
    times, content = framed(intake, cut(events, edges))
    assert times == list(range(100, 30_000, 1000))
    (whole,) = cut(events, [30_000])
    expected = []
    for number, t_us in enumerate(times):
        binner = FrameBinner(SENSOR, view_at(_stable(views), t_us, SENSOR, **CELLS))
        frames = np.concatenate([binner.push(whole), binner.finish()])
        expected.append(frames[number].tobytes())
    assert content == b"".join(expected)
    counts = intake.counts
    assert counts.events_in == events.size
    assert counts.events_in == counts.events_binned + counts.events_outside_view
    assert intake.looked[0][0] == 100
    assert all((t_us - 100) % 1000 == 0 for t_us, _ in intake.looked)


def _stable(views: list[ChosenView]) -> list[ChosenView]:
    return sorted(views, key=lambda view: view.from_us)


def test_a_view_moved_while_it_runs_can_be_replayed_exactly() -> None:
    """What was looked at, from when on, is all that a second run needs."""
    events = events_of(3, 900, 30_000)
    packets = cut(events, [7_300, 15_150, 22_000, 30_000])
    live = Intake(**CELLS)
    frames = list(live.push(packets[0]))
    answer = live.look(ChosenView(Square(4, 4, 24)))
    frames += live.push(packets[1])
    assert answer == (8_100, View(4, 4, 3, 8, 8))
    moving = live.push(packets[2])
    frames.append(next(moving))
    live.look(ChosenView())  # in the middle of a packet: not before its end
    frames += moving
    frames += [*live.push(packets[3]), *live.finish(None)]
    assert [t_us for t_us, _ in live.looked] == [100, 8_100, 22_100]
    recorded = [
        ChosenView(Square(view.x0, view.y0, view.cell * view.columns), t_us)
        for t_us, view in live.looked
    ]
    times, content = framed(Intake(**CELLS, views=recorded), cut(events, [30_000]))
    assert times == [t_us for t_us, _ in frames]
    assert content == b"".join(frame.tobytes() for _, frame in frames)


def test_a_view_asked_for_before_a_stream_is_its_first() -> None:
    """And stays for the streams after it."""
    intake = Intake(**CELLS)
    assert intake.look(ChosenView(Square(1, 2, 16))) is None
    packets = cut(events_of(1, 10, 5_000), [5_000])
    framed(intake, packets)
    framed(intake, packets)
    assert intake.looked == [(100, View(1, 2, 2, 8, 8))] * 2


def test_a_view_off_the_sensor_changes_nothing() -> None:
    """It is refused when it is asked for, or when the stream begins."""
    packets = cut(events_of(1, 10, 5_000), [5_000])
    with pytest.raises(InputError, match="40x30"):
        framed(Intake(**CELLS, views=[ChosenView(Square(30, 0, 16), 99)]), packets)
    with pytest.raises(InputError, match="40x30"):
        framed(Intake(**CELLS, views=[ChosenView(Square(30, 0, 16), 9_000_000)]), packets)
    intake = Intake(**CELLS)
    list(intake.push(packets[0]))
    with pytest.raises(InputError, match="40x30"):
        intake.look(ChosenView(Square(30, 0, 16)))
    assert len(intake.looked) == 1


def test_a_binner_changes_its_view_only_between_two_bins() -> None:
    """In the middle of one it would mix two."""
    binner = FrameBinner(SENSOR, view_of(None, SENSOR, **CELLS))
    (packet,) = cut(events_of(1, 10, 1_500), [1_500])
    binner.push(packet)
    assert binner.next_edge_us == 2_100
    with pytest.raises(InputError, match="in the middle of a bin"):
        binner.look_at(view_of(Square(0, 0, 8), SENSOR, **CELLS))
