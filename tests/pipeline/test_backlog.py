import pytest

from pipeline.backlog import Backlog
from tests.pipeline.passing_time import PassingTime


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> PassingTime:
    """What the backlog sees as time."""
    clock = PassingTime()
    monkeypatch.setattr("pipeline.backlog.time", clock)
    return clock


def test_the_smallest_delay_counts_as_none(clock: PassingTime) -> None:
    """Clocks that differ by an hour do not look like a backlog."""
    backlog = Backlog()
    backlog.update(clock.sent_ns(3_600_000))
    assert backlog.may_learn
    assert backlog.behind_ns == 0


def test_learning_goes_first_then_frames(clock: PassingTime) -> None:
    """Beyond 20 ms behind learning stops, beyond 500 ms frames do; caught up, both go on."""
    backlog = Backlog()
    found = []
    for behind_ms in (0, 300, 900, 0):
        backlog.update(clock.sent_ns(behind_ms))
        found.append((backlog.may_learn, backlog.may_step))
    assert found == [(True, True), (False, True), (False, False), (True, True)]


def test_frames_that_came_together_are_late_one_after_the_other(clock: PassingTime) -> None:
    """Of a packet of 100 ms, taken in at once, the last frame has 100 ms of time."""
    backlog = Backlog()
    backlog.update(clock.sent_ns(0))
    found = []
    for behind_ms, ahead_ms in ((90, 99), (90, 0), (300, 99), (700, 99)):
        backlog.update(clock.sent_ns(behind_ms), ahead_ms * 10**6)
        found.append((backlog.may_learn, backlog.may_step))
    assert found == [(True, True), (False, True), (False, True), (False, False)]


@pytest.mark.parametrize("set_by_s", [-3600, -2, 2, 3600])
@pytest.mark.parametrize("host", ["both", "source", "brain"])
def test_a_clock_that_is_set_leaves_nobody_behind(
    clock: PassingTime, set_by_s: int, host: str
) -> None:
    """On one host or two; packets on their way are stamped by the clock of before."""
    backlog = Backlog()
    for _ in range(3):
        backlog.update(clock.sent_ns(1))
    before_ns = clock.sent_ns(1)
    if host != "source":
        clock.set_by(set_by_s)
    backlog.update(before_ns)
    ahead_ns = {"both": 0, "source": set_by_s, "brain": -set_by_s}[host] * 10**9
    found = []
    for _ in range(5):
        backlog.update(clock.sent_ns(1) + ahead_ns)
        found.append(backlog.may_learn)
    assert all(found[1:])
    backlog.update(clock.sent_ns(301) + ahead_ns)
    assert (backlog.may_learn, backlog.may_step) == (False, True)
