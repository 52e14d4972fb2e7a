"""Whether the stages of a running wigwag do what they should: asked, and asked again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from drivers.errors import InputError
from pipeline.backlog import SKIP_FRAMES_NS
from pipeline.control import control_request
from pipeline.security import CurveClient

State: TypeAlias = Literal["healthy", "not healthy", "unreachable"]
Status: TypeAlias = Mapping[str, Any]

_LOST = (
    ("events_lost", "events lost"),
    ("lost", "events lost"),
    ("frames_skipped", "frames skipped"),
    ("refused", "messages refused"),
)
_MOVING = ("frames", "packets")
"""What grows in a stage that has work: of a brain, of a source."""


class StageHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One stage at a glance."""

    stage: str
    address: str
    state: State
    reasons: tuple[str, ...]
    """Why it is not healthy; empty where it is."""
    status: dict[str, Any]
    """What it said of itself; empty where it did not answer."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A stage to be asked."""

    stage: str
    address: str
    security: CurveClient | None = None


def look(
    stages: Sequence[Asked],
    *,
    over_s: float = 1.0,
    timeout_s: float = 2.0,
    insecure: bool = False,
    wait: Callable[[float], object] | None = None,
) -> list[StageHealth]:
    """Ask all stages twice, `over_s` seconds apart: what matters is what changed in between.

    A loss of last week is history, one of this second is not.
    """

    def ask(stage: Asked) -> Status | str:
        try:
            return control_request(
                stage.address,
                {"command": "status"},
                timeout_s=timeout_s,
                security=stage.security,
                insecure=insecure,
            )
        except InputError as error:
            return str(error)

    before = [ask(stage) for stage in stages]
    if any(not isinstance(answer, str) for answer in before):
        (wait or threading.Event().wait)(over_s)
    found = []
    for stage, first in zip(stages, before, strict=True):
        second = first if isinstance(first, str) else ask(stage)
        state: State = "unreachable"
        said: dict[str, Any] = {}
        if isinstance(first, str) or isinstance(second, str):
            reasons: tuple[str, ...] = (str(second),)
        elif (other := answering(second)) != stage.stage:
            reasons = (f"a {other} answers at {stage.address}",)
        else:
            reasons = tuple(judge(first, second))
            state = "not healthy" if reasons else "healthy"
            said = dict(second)
        found.append(
            StageHealth(
                stage=stage.stage,
                address=stage.address,
                state=state,
                reasons=reasons,
                status=said,
            )
        )
    return found


def answering(status: Status) -> str:
    """What kind of stage says this of itself: a brain has frames, a source has none."""
    return "brain" if "frames" in status else "source"


def judge(before: Status, now: Status) -> list[str]:
    """What is wrong with a stage that said these two things of itself; empty if nothing is."""
    reasons = []
    if now.get("paused"):
        reasons.append("paused")
    elif all(_number(now, name) <= _number(before, name) for name in _MOVING):
        reasons.append("nothing comes in" if "frames" in now else "nothing goes out")
    behind_ms = _number(now, "behind_ms")
    if behind_ms > SKIP_FRAMES_NS / 1e6:
        reasons.append(f"{behind_ms:,.0f} ms behind")
    for name, text in _LOST:
        more = _number(now, name) - _number(before, name)
        if more > 0:
            reasons.append(f"{more:,.0f} {text} just now")
    return reasons


def exit_status(found: Sequence[StageHealth]) -> int:
    """0: all are healthy; 1: one is not; 2: one does not answer."""
    states = {health.state for health in found}
    if "unreachable" in states:
        return 2
    return 1 if "not healthy" in states else 0


def health_line(health: StageHealth) -> str:
    """A stage in one line."""
    figures = [
        f"{_number(health.status, name):,.0f} {text}"
        for name, text in (
            ("frames", "frames"),
            ("packets", "packets"),
            ("labels", "labels"),
            ("events_lost", "events lost"),
            ("lost", "events lost"),
        )
        if name in health.status
    ]
    if "behind_ms" in health.status:
        figures.append(f"{_number(health.status, 'behind_ms'):,.1f} ms behind")
    said = "; ".join((*health.reasons, ", ".join(figures)) if figures else health.reasons)
    return f"{health.stage}: {health.state}: {said}"


def _number(status: Status, name: str) -> float:
    value = status.get(name, 0)
    return float(value) if isinstance(value, int | float) else 0.0
