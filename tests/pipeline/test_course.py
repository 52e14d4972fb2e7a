import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.brain_session import BrainSession
from pipeline.course import LiveCourse, LoggedCourse
from tests.pipeline.passing_time import PassingTime


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> PassingTime:
    """What the backlog sees as time."""
    clock = PassingTime()
    monkeypatch.setattr("pipeline.backlog.time", clock)
    return clock


def test_what_time_did_not_allow_is_noted_and_done_again(clock: PassingTime) -> None:
    """Runs of frames with nothing, no rehearsal, no learning, and left out altogether."""
    runs: list[dict[str, object]] = []
    live = LiveCourse(
        skip=True,
        note=lambda kind, frame, count: runs.append({"kind": kind, "frame": frame, "count": count}),
    )
    given = [
        live.next(clock.sent_ns(late_ms), 0, True)
        for late_ms in (0, 0, 15, 15, 200, 900, 900, 200, 15, 0, 0)
    ]
    live.end_run()
    assert given == [
        None, None, "rehearsal", "rehearsal", "learning", "frames", "frames", "learning",
        "rehearsal", None, None,
    ]  # fmt: skip
    logged = LoggedCourse(list(reversed(runs)))
    assert [logged.next(0, 0, False) for _ in given] == given
    assert logged.frame == live.frame == len(given)


def test_nothing_is_left_out_of_a_replay(clock: PassingTime) -> None:
    """However late a packet is."""
    course = LiveCourse(skip=False, note=lambda *_: None)
    assert [course.next(0, 0, True), course.next(clock.sent_ns(0), 0, True)] == [None, None]


def test_a_long_run_is_noted_piece_by_piece(clock: PassingTime) -> None:
    """So that a killed process loses little of it."""
    counts: list[int] = []
    course = LiveCourse(skip=True, note=lambda _kind, _frame, count: counts.append(count))
    course.next(clock.sent_ns(0), 0, False)
    for _ in range(2500):
        course.next(clock.sent_ns(900), 0, False)
    assert counts == [1000, 1000]
    course.end_run()
    assert sum(counts) == 2500


def test_what_a_label_rests_on_is_noted_before_it_is_said(
    tmp_path: Path, clock: PassingTime
) -> None:
    """A brain may be killed at any moment: no label is kept without what was left out before it."""
    path = tmp_path / "labels.jsonl"
    labels = os.open(path, os.O_WRONLY | os.O_CREAT)
    noted: list[tuple[int, int]] = []
    course = LiveCourse(
        skip=True, note=lambda _kind, _frame, count: noted.append((count, path.stat().st_size))
    )
    for late_ms in (0, 200, 200, 200):
        course.next(clock.sent_ns(late_ms), 0, False)
    session: Any = SimpleNamespace(
        course=course, replay=None, _labels=labels, _folder=SimpleNamespace(labels=path)
    )
    BrainSession.label(session, b"{}\n")
    os.close(labels)
    assert noted == [(3, 0)]
    assert path.read_bytes() == b"{}\n"
