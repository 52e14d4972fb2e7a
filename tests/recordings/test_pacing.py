import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from types import TracebackType
from typing import Self

import numpy as np
import pytest

from drivers.errors import InputError
from drivers.events import EVENT_DTYPE, EventPacket, SensorSize
from recordings.pacing import MOST_JOINED, PacedSource
from tests.recordings.packet_checks import check_contract, joined

BEGIN_US = 1_000_000
DEADLINE_S = 10.0


class Steady:
    """One event a millisecond, a packet a millisecond; iterated anew each time."""

    def __init__(self, packets: int) -> None:
        self.name = "steady"
        self.sensor = SensorSize(4, 4)
        self.packets = packets
        self.closed = False

    def __iter__(self) -> Iterator[EventPacket]:
        for seq in range(self.packets):
            begin_us = BEGIN_US + 1000 * seq
            events = np.zeros(1, dtype=EVENT_DTYPE)
            events["t"] = begin_us + 7
            yield EventPacket(events, self.sensor, "steady", seq, begin_us, begin_us + 1000)

    def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Consumer:
    """Takes packets in a thread of its own."""

    def __init__(self, paced: PacedSource) -> None:
        self.packets: list[EventPacket] = []
        self._paced = paced
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        for packet in self._paced:
            self.packets.append(packet)

    def wait_for(self, packets: int) -> None:
        """Wait until this many came."""
        deadline = time.monotonic() + DEADLINE_S
        while len(self.packets) < packets:
            assert time.monotonic() < deadline, f"{len(self.packets)} of {packets} packets"
            time.sleep(0.001)

    def join(self) -> None:
        """Wait for the end of the iteration."""
        self._thread.join(DEADLINE_S)
        assert not self._thread.is_alive()


@pytest.mark.parametrize("paused", [False, True])
def test_what_was_seen_before_is_hurried_through(paused: bool) -> None:
    """Up to there nobody waits, not even for a pause to end; then time goes on by the clock."""
    paced = PacedSource(Steady(2000), speed=0.01, paused=paused, hurry_us=1_990_000)
    consumer = Consumer(paced)
    consumer.wait_for(1990)
    assert paced.paused is paused
    paced.step(10)
    consumer.join()
    assert [packet.t_begin_us for packet in consumer.packets] == [
        BEGIN_US + 1000 * number for number in range(2000)
    ]


@pytest.mark.parametrize("speed", [0.5, 1.0, 10.0])
def test_no_packet_comes_before_its_time(speed: float) -> None:
    """A packet is released no earlier than its end is due, and in order."""
    paced = PacedSource(Steady(40), speed=speed)
    start_ns = time.monotonic_ns()
    released = [(packet, time.monotonic_ns()) for packet in paced]
    for packet, now_ns in released:
        assert now_ns - start_ns >= (packet.t_end_us - BEGIN_US) * 1000 / speed - 1
    packets = [packet for packet, _ in released]
    check_contract(packets)
    assert packets[-1].t_end_us == BEGIN_US + 40_000
    assert sum(len(packet.events) for packet in packets) == 40


def test_late_reader_gets_every_event() -> None:
    """What is overdue comes at once, many packets as one, and none is left out."""
    clock = [0]
    waits = 0

    def count() -> None:
        nonlocal waits
        waits += 1
        clock[0] += 10**6

    paced = PacedSource(Steady(1000), clock_ns=lambda: clock[0], on_wait=count)
    iterator = iter(paced)
    assert next(iterator).seq == 0
    clock[0] += 10**10
    before = waits
    packets = list(iterator)
    assert waits == before
    assert [packet.seq for packet in packets] == list(range(1, 1 + len(packets)))
    assert len(packets) == -(-999 // MOST_JOINED)
    assert joined(packets)["t"].tolist() == [BEGIN_US + 1000 * n + 7 for n in range(1, 1000)]
    assert packets[-1].t_end_us == BEGIN_US + 1000 * 1000
    assert paced.late_ns == clock[0] - 1000 * 10**6


def test_only_what_is_due_is_put_together() -> None:
    """A reader that is late by some packets gets these as one, and the next ones by themselves."""
    clock = [0]

    def advance() -> None:
        clock[0] += 1_000_000

    paced = PacedSource(Steady(30), clock_ns=lambda: clock[0], on_wait=advance)
    iterator = iter(paced)
    assert next(iterator).seq == 0
    clock[0] += 10_000_000
    ends = [packet.t_end_us - BEGIN_US for packet in iterator]
    # All due more than 5 ms ago, and the one that was due exactly then; the others one by one.
    assert ends == [6_000, *range(7_000, 31_000, 1000)]


def test_losses_and_errors_of_packets_put_together_are_kept() -> None:
    """What was lost before any of them is said, and an error comes after all that was read."""

    class Failing(Steady):
        def __iter__(self) -> Iterator[EventPacket]:
            for packet in super().__iter__():
                yield replace(packet, lost_before=packet.seq)
            raise InputError(what="cable", got="nothing", allowed="events", todo="plug it in")

    clock = [0]
    paced = PacedSource(
        Failing(7), clock_ns=lambda: clock[0], on_wait=lambda: clock.__setitem__(0, 10**6)
    )
    iterator = iter(paced)
    assert next(iterator).lost_before == 0
    clock[0] = 10**9
    late = next(iterator)
    assert late.lost_before == 1 + 2 + 3 + 4 + 5 + 6
    assert late.events.size == 6
    with pytest.raises(InputError, match="cable"):
        next(iterator)


def test_time_of_release_follows_the_clock() -> None:
    """Each packet waits until the clock shows its end, divided by the speed."""
    clock = [5_000]

    def advance() -> None:
        clock[0] += 100_000

    paced = PacedSource(Steady(10), speed=2.0, clock_ns=lambda: clock[0], on_wait=advance)
    for packet in paced:
        due_ns = 5_000 + (packet.t_end_us - BEGIN_US) * 1000 // 2
        assert due_ns <= clock[0] < due_ns + 100_000


def test_maximum_speed_does_not_wait() -> None:
    """Without a speed the clock does not matter."""
    paced = PacedSource(Steady(10_000), speed=None, clock_ns=lambda: 0)
    assert sum(len(packet.events) for packet in paced) == 10_000


def test_loop_goes_on_in_time_and_numbers() -> None:
    """The second round follows the first without a gap, in packets and in events."""
    paced = PacedSource(Steady(5), speed=None, loop=True)
    packets = [packet for packet, _ in zip(paced, range(17), strict=False)]
    assert [packet.seq for packet in packets] == list(range(17))
    for n, packet in enumerate(packets):
        assert packet.t_begin_us == BEGIN_US + 1000 * n
        assert packet.t_end_us == packet.t_begin_us + 1000
        assert packet.events["t"].tolist() == [packet.t_begin_us + 7]


@pytest.mark.parametrize("loop", [False, True])
def test_beginning_anew_goes_on_in_time(loop: bool) -> None:
    """A new iteration of the source follows at once, numbered and timed as if nothing had been."""
    paced = PacedSource(Steady(5), speed=None, loop=loop)
    iterator = iter(paced)
    packets = [next(iterator) for _ in range(3)]
    assert paced.latest_us == packets[-1].t_end_us
    paced.begin_anew()
    packets += [next(iterator) for _ in range(5)]
    assert paced.latest_us == BEGIN_US + 5000
    check_contract(packets)
    assert [packet.seq for packet in packets] == list(range(8))
    assert packets[-1].t_end_us == BEGIN_US + 8000
    assert (next(iterator, None) is None) != loop


def test_loop_over_nothing_ends() -> None:
    """A source without packets is not asked again and again."""
    assert list(PacedSource(Steady(0), speed=None, loop=True)) == []


def test_step_releases_exactly_that_many() -> None:
    """While paused packets come one by one, as asked; after resume the rest comes."""
    paced = PacedSource(Steady(100), speed=1.0, paused=True)
    consumer = Consumer(paced)
    paced.step()
    consumer.wait_for(1)
    paced.step(3)
    paced.step(2)
    consumer.wait_for(6)
    assert paced.paused
    paced.resume()
    consumer.join()
    packets = consumer.packets
    assert [packet.seq for packet in packets] == list(range(len(packets)))
    # On a busy machine the rest may be late, and come as fewer packets that cover as much.
    assert all(a.t_end_us == b.t_begin_us for a, b in pairwise(packets))
    lengths_us = [packet.t_end_us - packet.t_begin_us for packet in packets]
    assert lengths_us[:6] == [lengths_us[0]] * 6
    assert sum(lengths_us) == 100 * lengths_us[0]


def test_pause_holds_packets_back() -> None:
    """Between pause and resume nothing is released, and time does not run on."""
    clock = [0]
    paced: PacedSource
    waits = 0

    def on_wait() -> None:
        nonlocal waits
        waits += 1
        clock[0] += 1_000_000
        if waits == 30:
            paced.resume()

    paced = PacedSource(Steady(20), clock_ns=lambda: clock[0], on_wait=on_wait)
    released: list[tuple[int, int]] = []
    for packet in paced:
        released.append((packet.seq, clock[0]))
        if packet.seq == 9:
            paced.pause()
    times = dict(released)
    assert list(times) == list(range(20))
    paused_ns = times[10] - times[9] - 1_000_000
    assert paused_ns >= 19_000_000
    assert times[19] - times[10] == 9_000_000


@pytest.mark.parametrize("paused", [False, True])
def test_stop_ends_a_wait(paused: bool) -> None:
    """However long the wait would have been, a stop ends the iteration."""
    stop = threading.Event()
    paced = PacedSource(Steady(100), speed=1e-6, paused=paused, stop=stop)
    consumer = Consumer(paced)
    stop.set()
    consumer.join()
    assert consumer.packets == []


def test_close_closes_the_source() -> None:
    """It is a context manager like every source."""
    steady = Steady(1)
    with PacedSource(steady) as paced:
        assert (paced.name, paced.sensor) == ("steady", SensorSize(4, 4))
    assert steady.closed


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan"), float("inf")])
def test_speed_that_is_none_is_refused(speed: float) -> None:
    """Speed is a finite number above nought."""
    with pytest.raises(InputError, match="speed"):
        PacedSource(Steady(1), speed=speed)
