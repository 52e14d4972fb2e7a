import time

from pipeline.backlog import Backlog


def test_the_smallest_delay_counts_as_none() -> None:
    """Clocks that differ by an hour do not look like a backlog."""
    backlog = Backlog()
    backlog.update(time.time_ns() - 3600 * 10**9)
    assert backlog.may_learn
    assert backlog.behind_ns == 0


def test_learning_goes_first_then_frames() -> None:
    """Beyond 20 ms behind learning stops, beyond 500 ms frames do; caught up, both go on."""
    backlog = Backlog()
    found = []
    for behind_ms in (0, 300, 900, 0):
        backlog.update(time.time_ns() - behind_ms * 10**6)
        found.append((backlog.may_learn, backlog.may_step))
    assert found == [(True, True), (False, True), (False, False), (True, True)]


def test_frames_that_came_together_are_late_one_after_the_other() -> None:
    """Of a packet of 100 ms, taken in at once, the last frame has 100 ms of time."""
    backlog = Backlog()
    backlog.update(time.time_ns())
    found = []
    for behind_ms, ahead_ms in ((90, 99), (90, 0), (300, 99), (700, 99)):
        backlog.update(time.time_ns() - behind_ms * 10**6, ahead_ms * 10**6)
        found.append((backlog.may_learn, backlog.may_step))
    assert found == [(True, True), (False, True), (False, True), (False, False)]
