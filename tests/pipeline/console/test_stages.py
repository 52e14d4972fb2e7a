"""Who is asked what, and in which order."""

import asyncio
import threading
from typing import Any

import pytest

from pipeline.console import stages
from pipeline.console.settings import ConsoleSettings
from pipeline.console.stages import Stages

WAIT_S = 10


def test_a_request_waits_for_the_one_before_though_its_asker_has_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An end that overtook its lesson's beginning would end nothing."""
    asked: list[str] = []
    begun, may_answer = threading.Event(), threading.Event()

    def control_request(_address: str, request: dict[str, Any], **_: object) -> dict[str, Any]:
        begun.set()
        if request["command"] == "begin":
            assert may_answer.wait(WAIT_S)
        asked.append(request["command"])
        return {}

    monkeypatch.setattr(stages, "control_request", control_request)

    async def leave_and_end() -> None:
        both = Stages(ConsoleSettings("ipc://brain", "ipc://control"))
        beginning = asyncio.create_task(both.ask("brain", {"command": "begin"}))
        assert await asyncio.to_thread(begun.wait, WAIT_S)
        beginning.cancel()
        ending = asyncio.create_task(both.ask("brain", {"command": "end"}))
        for _ in range(10):
            await asyncio.sleep(0)
        assert asked == []
        may_answer.set()
        await ending
        with pytest.raises(asyncio.CancelledError):
            await beginning

    asyncio.run(leave_and_end())
    assert asked == ["begin", "end"]
