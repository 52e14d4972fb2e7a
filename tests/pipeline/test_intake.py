"""Frames of packets some of which never came."""

from __future__ import annotations

import numpy as np

from drivers.events import EVENT_DTYPE, EventPacket, SensorSize
from pipeline.binning import FrameBinner, centred_view
from pipeline.intake import Intake
from pipeline.wire import MAX_SPAN_US, StreamTotals

SENSOR = SensorSize(32, 32)
BEGIN_US = 7_000_500
PACKET_US = 10_000


def packet(seq: int) -> EventPacket:
    """Ten milliseconds with one event, at their beginning."""
    events = np.zeros(1, dtype=EVENT_DTYPE)
    begin_us = BEGIN_US + seq * PACKET_US
    events["t"] = begin_us
    return EventPacket(events, SENSOR, "cam", seq, begin_us, begin_us + PACKET_US)


def totals(packets: int, t_end_us: int | None = None) -> StreamTotals:
    """Of that many packets with one event each."""
    end_us = BEGIN_US + packets * PACKET_US if t_end_us is None else t_end_us
    return StreamTotals(packets, packets, None, 0, end_us)


def taken_in(*seqs: int) -> Intake:
    """An intake after these packets."""
    intake = Intake(columns=32, rows=32)
    for seq in seqs:
        for _ in intake.push(packet(seq)):
            pass
    return intake


def test_frames_go_on_to_the_end_where_the_last_packets_were_lost() -> None:
    """The frames of lost packets are empty, in time, and as many as there should be."""
    intake = taken_in(0, 1)
    frames = list(intake.finish(totals(5)))
    assert [t_us for t_us, _ in frames] == [BEGIN_US + 20_000 + 1000 * k for k in range(30)]
    assert not any(frame.any() for _, frame in frames)
    assert (intake.stream_us, intake.packets_missed, intake.events_lost) == (50_000, 3, 3)
    assert intake.counts.events_in == intake.counts.events_binned == 2


def test_nothing_is_added_where_the_last_packet_came() -> None:
    """Only the last, partly covered frame is still to come, if there is one."""
    assert list(taken_in(0, 1).finish(totals(2))) == []
    intake = taken_in(0)
    half_us = BEGIN_US + PACKET_US + 500
    assert [t_us for t_us, _ in intake.finish(totals(2, half_us))] == [BEGIN_US + PACKET_US]
    assert intake.stream_us == PACKET_US + 500


def test_an_end_before_the_last_packet_changes_nothing() -> None:
    """Neither time nor frames go back."""
    intake = taken_in(0, 1)
    assert list(intake.finish(totals(2, t_end_us=5))) == []
    assert intake.stream_us == 20_000


def test_an_end_beyond_reason_is_refused_and_counted() -> None:
    """A corrupt time does not ask for years of frames."""
    intake = taken_in(0)
    late_us = BEGIN_US + PACKET_US + MAX_SPAN_US + 1
    assert list(intake.finish(totals(1, late_us))) == []
    assert (intake.refused, intake.stream_us) == ({"span": 1}, PACKET_US)


def test_a_stream_of_which_nothing_came_has_no_frames() -> None:
    """Where it began is not known; what it held is counted as lost."""
    intake = taken_in()
    assert list(intake.finish(totals(3))) == []
    assert (intake.stream_us, intake.packets_missed, intake.events_lost) == (0, 3, 3)


def test_events_are_counted_where_the_network_wants_it() -> None:
    """A cell holds all events of its pixels in the millisecond."""
    three = EventPacket(np.repeat(packet(0).events, 3), SENSOR, "cam", 0, BEGIN_US, BEGIN_US + 1000)
    intake = Intake(columns=32, rows=32, counts=True)
    ((_, frame),) = intake.push(three)
    expected = FrameBinner(SENSOR, centred_view(SENSOR), counts=True).push(three)[0]
    assert np.array_equal(frame, expected)
    assert frame.max() == 3
