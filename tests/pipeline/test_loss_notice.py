"""Losses are told while they happen, and not for every packet."""

import pytest

from pipeline import loss_notice
from pipeline.loss_notice import LossNotice
from tests.pipeline.passing_time import PassingTime


def test_the_first_loss_is_told_at_once_and_later_ones_once_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was lost since it was told last, and in all; nothing where nothing was lost."""
    clock = PassingTime()
    monkeypatch.setattr(loss_notice, "time", clock)
    told: list[str] = []
    notice = LossNotice(told.append)
    for after_s, lost in ((0, 0), (1, 5), (1, 7), (30, 1000), (30, 1200), (59, 1300), (200, 1300)):
        clock.wait(after_s)
        notice.look(lost)
    assert told == [
        "5 events lost, 5 since the start",
        "1,195 events lost, 1,200 since the start",
        "100 events lost, 1,300 since the start",
    ]
