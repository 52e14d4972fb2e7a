import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pipeline.addresses import ipc_address, private_run_directory
from pipeline.bus import EventSubscriber
from pipeline.control import ControlServer, Request, control_request
from pipeline.health import Asked, exit_status, health_line, judge, look

if TYPE_CHECKING:
    from tests.pipeline.conftest import Wigwag

ROOT = Path(__file__).resolve().parents[2]
GOOD = {"frames": 100, "events_lost": 5, "refused": 2, "behind_ms": 0.4, "paused": False}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"frames": 1100}, None),
        ({"frames": 1100, "behind_ms": 700.0}, "700 ms behind"),
        ({"frames": 1100, "events_lost": 8}, "3 events lost just now"),
        ({"frames": 1100, "refused": 3}, "1 messages refused just now"),
        ({"frames": 1100, "frames_skipped": 4}, "4 frames skipped just now"),
        ({}, "nothing comes in"),
        ({"paused": True}, "paused"),
    ],
)
def test_what_changed_is_judged(change: dict[str, Any], reason: str | None) -> None:
    """Losses of long ago are history; a pause, silence or a loss of this second is not."""
    assert judge(GOOD, GOOD | change) == ([reason] if reason else [])


def test_a_source_is_judged_by_its_packets() -> None:
    """It has no frames."""
    before = {"packets": 3, "lost": 0, "paused": False}
    assert judge(before, before | {"packets": 4}) == []
    assert judge(before, before) == ["nothing goes out"]
    assert judge(before, before | {"packets": 4, "lost": 7}) == ["7 events lost just now"]


@pytest.fixture
def counting() -> Iterator[str]:
    """The address of a stage that is fine."""
    asked = 0

    def handle(request: Request) -> Request:
        nonlocal asked
        assert request == {"command": "status"}
        asked += 1
        return GOOD | {"frames": 100 * asked}

    address = ipc_address(private_run_directory(), "control")
    with ControlServer(address, handle).start():
        yield address


def test_stages_are_asked_and_shown(counting: str) -> None:
    """One that answers and one that does not, together."""
    nowhere = ipc_address(private_run_directory(), "control")
    found = look(
        [Asked(stage="brain", address=counting), Asked(stage="source", address=nowhere)],
        over_s=0.05,
        timeout_s=0.5,
    )
    assert [health.state for health in found] == ["healthy", "unreachable"]
    assert health_line(found[0]) == "brain: healthy: 200 frames, 5 events lost, 0.4 ms behind"
    assert "no answer" in health_line(found[1])
    assert [exit_status(part) for part in (found[:1], found, found[1:])] == [0, 2, 2]


def test_a_stage_of_another_kind_is_not_taken_for_the_one_asked_for(
    wigwag: "Wigwag", counting: str
) -> None:
    """A brain at the address given for a source: one line, status 2, of `filters` too."""
    found = look([Asked(stage="source", address=counting)], over_s=0.05)
    assert (found[0].state, exit_status(found)) == ("unreachable", 2)
    assert health_line(found[0]) == f"source: unreachable: a brain answers at {counting}"
    for more in ([], ["--noise-ms", "5"]):
        status, out, error = wigwag.run("filters", "--control", counting, *more)
        assert (status, out, error.count("\n")) == (2, "", 1)
        assert f"got a brain at {counting}; allowed: the control address of a source" in error


def test_status_of_a_real_stage(wigwag: "Wigwag") -> None:
    """A running source is healthy, a paused one is not, one that is gone cannot say."""
    folder = private_run_directory()
    events, control = (ipc_address(folder, name) for name in ("events", "source"))
    sample = next((ROOT / "recordings" / "samples").glob("*.aedat*"))
    source = wigwag.start("source", sample, "--loop", "--bind", events, "--control", control)
    asking = ("status", "--source-control", control, "--over", "0.5", "--json", "--timeout")
    over = threading.Event()

    def drain() -> None:
        with EventSubscriber([events]) as bus:
            while not over.is_set():
                bus.receive(50)

    reading = threading.Thread(target=drain)
    reading.start()
    try:
        answers = [wigwag.run(*asking, "30")]
        control_request(control, {"command": "pause"}, timeout_s=30)
        answers.append(wigwag.run(*asking, "30"))
    finally:
        over.set()
        reading.join()
        source.terminate()
        source.communicate(timeout=60)
    answers.append(wigwag.run(*asking, "0.1"))
    said = [json.loads(out)["stages"][0] for _, out, _ in answers]
    states = [(status, stage["state"]) for (status, _, _), stage in zip(answers, said, strict=True)]
    assert states == [(0, "healthy"), (1, "not healthy"), (2, "unreachable")], answers
    assert said[1]["reasons"] == ["paused"]


def test_status_wants_an_address(wigwag: "Wigwag") -> None:
    """Nothing asked is bad input, not health."""
    status, _, error = wigwag.run("status")
    assert (status, "--control" in error) == (2, True)
