"""Says that a label file is of another recording: no gesture of it was seen."""

from __future__ import annotations

from pathlib import Path

from pipeline.lane import Lane
from pipeline.targets import BURN_IN_US


def unseen_labels(file: Path, lane: Lane) -> str | None:
    """What to say where a stream has ended and none of the gestures in `file` was in it."""
    trials = lane.recogniser.trials
    if not lane.ended or not trials.intervals or trials.frames:
        return None
    first_us, last_us = trials.intervals[0].t_begin_us, trials.intervals[-1].t_end_us
    seen_us = lane.intake.looked[0][0] if lane.intake.looked else 0
    return (
        f"labels {file}: got no gesture that was seen: they lie from {first_us / 1e6:.3f} to "
        f"{last_us / 1e6:.3f} s, the recording from {seen_us / 1e6:.3f} to "
        f"{lane.now_us / 1e6:.3f} s; allowed: gestures of over {BURN_IN_US // 1000} ms within it; "
        "nothing was learnt or scored: give the labels of this recording, in its own time"
    )
