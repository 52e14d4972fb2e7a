"""One brain, several sources: stepped together, told apart, learnt together or each by itself."""

import json
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from drivers.errors import InputError
from drivers.events import EventPacket, Events
from models.checkpoint_file import read_checkpoint
from pipeline import bus, wire
from pipeline.control import control_request
from tests.pipeline.streams_by_hand import (
    end_of,
    frames_of,
    packets_of,
    publisher_at,
    summary_of,
    until,
    wait_for,
)


def _turned(events: Events) -> Events:
    """The same from the other side."""
    turned = events.copy()
    turned["x"] = 31 - turned["x"]
    return turned


def _give(publisher: bus.EventPublisher, packets: Sequence[EventPacket]) -> None:
    for packet in packets:
        assert publisher.deliver(wire.encode_packet(packet, time.time_ns()))


def _labels(out: bytes, source: str | None = None) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in out.splitlines()]
    labels = [line | {"latency_us": 0} for line in lines if "summary" not in line]
    return [label for label in labels if source in (None, label["source"])]


def test_each_source_gets_the_labels_that_it_gets_alone(
    wigwag, tiny_checkpoint: Path, some_events: Events, address: Callable[[str], str]
) -> None:
    """Bit for bit, whatever their clocks and turns; counters are of each, and of all."""
    streams = {
        "left": packets_of(some_events, name="left"),
        "right": packets_of(_turned(some_events), name="right", shift_us=40_000_000),
    }
    alone = {}
    for name, packets in streams.items():
        brain = wigwag.start(
            "brain", "--connect", address(f"alone-{name}"), "--checkpoint", tiny_checkpoint,
            "--json",
        )  # fmt: skip
        with publisher_at(address(f"alone-{name}")) as source:
            wait_for(brain, source)
            _give(source, packets)
            assert source.deliver(end_of(packets))
            alone[name], _ = brain.communicate(timeout=30)
    brain = wigwag.start(
        "brain", "--connect", address("left"), "--connect", address("right"),
        "--checkpoint", tiny_checkpoint, "--json",
    )  # fmt: skip
    with publisher_at(address("left")) as left, publisher_at(address("right")) as right:
        wait_for(brain, left, right)
        # In turns, then one that has fallen behind, then one that goes on alone.
        _give(left, streams["left"][:10])
        _give(right, streams["right"][:40])
        _give(left, streams["left"][10:])
        assert left.deliver(end_of(streams["left"]))
        _give(right, streams["right"][40:])
        assert right.deliver(end_of(streams["right"]))
        out, error = brain.communicate(timeout=30)
    assert (brain.returncode, error) == (0, b"")
    for name in streams:
        assert _labels(out, name) == _labels(alone[name])
        assert len(_labels(out, name)) >= 20
    assert _labels(out, "left") != [label | {"source": "left"} for label in _labels(out, "right")]
    summary = summary_of(out)
    assert [one["source"] for one in summary["sources"]] == ["left", "right"]
    for one in summary["sources"]:
        assert (one["frames"], one["events_in"], one["events_lost"]) == (2000, 20_000, 0)
    assert (summary["source"], summary["frames"]) == ("left, right", 4000)
    assert summary["events_in"] == summary["events_binned"] == 2 * len(some_events)


@pytest.mark.parametrize("apart", [False, True], ids=["shared", "separate"])
def test_what_one_source_teaches(
    wigwag,
    tmp_path: Path,
    tiny_checkpoint: Path,
    some_events: Events,
    address: Callable[[str], str],
    apart: bool,
) -> None:
    """A lesson names its source. Weights are those of all, or the taught source's own."""
    brain = wigwag.start(
        "brain", "--connect", address("left"), "--connect", address("right"),
        "--checkpoint", tiny_checkpoint, "--json", "--teach", "--control", address("control"),
        "--save", tmp_path / "taught.safetensors", *(["--separate"] if apart else []),
    )  # fmt: skip

    def ask(**request: object) -> dict[str, Any]:
        return control_request(address("control"), request, timeout_s=10)

    def frames() -> list[int]:
        return [source["frames"] for source in ask(command="status")["sources"]]

    left_packets = packets_of(some_events, name="left")
    right_packets = packets_of(_turned(some_events), name="right", shift_us=3_000_000)
    with publisher_at(address("left")) as left, publisher_at(address("right")) as right:
        wait_for(brain, left, right)
        with pytest.raises(InputError, match="none yet: no events have come"):
            ask(command="target", **{"class": "arm roll", "source": "left"})
        _give(left, left_packets[:10])
        _give(right, right_packets[:10])
        until(lambda: frames() == [200, 200])
        with pytest.raises(InputError, match="none named; allowed: left, right"):
            ask(command="target", **{"class": "arm roll"})
        with pytest.raises(InputError, match=r"top.*allowed: left, right"):
            ask(command="view", view="4,4,24", source="top")
        named = {"source": "right"} if apart else {}
        assert ask(command="add_class", name="wink", **named)["class"] == 12
        lesson = ask(command="target", **{"class": "wink", "source": "right"})
        assert lesson == {"class": 12, "t_us": right_packets[10].t_begin_us}
        _give(right, right_packets[10:60])
        _give(left, left_packets[10:60])
        until(lambda: frames() == [1200, 1200])
        assert ask(command="target", **{"class": None}, **named)["class"] is None
        status = ask(command="status")
        of_right = status["sources"][1] if apart else status
        assert of_right["lessons"] == 1
        if apart:
            assert status["sources"][0]["lessons"] == 0
            with pytest.raises(InputError, match="none named"):
                ask(command="undo")
        # Of 1,000 frames all but those of the first 50 ms, and nothing of the other source.
        assert status["updates"] == 950 // 20
        for publisher, packets in ((left, left_packets), (right, right_packets)):
            _give(publisher, packets[60:])
            assert publisher.deliver(end_of(packets))
        out, _ = brain.communicate(timeout=30)
    assert brain.returncode == 0
    assert {len(label["counts"]) for label in _labels(out, "right")[-5:]} == {12}
    assert {len(label["counts"]) for label in _labels(out, "left")[-5:]} == {11 if apart else 12}
    before = read_checkpoint(tiny_checkpoint)
    if not apart:
        assert read_checkpoint(tmp_path / "taught.safetensors").version != before.version
        return
    first, second = (
        read_checkpoint(tmp_path / f"taught-{number}.safetensors") for number in (1, 2)
    )
    assert first.class_names == before.class_names
    for name, tensor in before.tensors.items():
        assert (first.tensors[name] == tensor).all()
    assert second.class_names[-1] == "wink"
    assert (second.tensors["layers.0.weight"] != before.tensors["layers.0.weight"]).any()


def test_a_source_that_never_comes_holds_nobody(
    wigwag, tiny_checkpoint: Path, some_events: Events, address: Callable[[str], str]
) -> None:
    """The other is stepped to its end, and its process may go; the brain waits until told."""
    brain = wigwag.start(
        "brain", "--connect", address("left"), "--connect", address("nobody"),
        "--checkpoint", tiny_checkpoint, "--json", "--control", address("control"),
    )  # fmt: skip
    packets = packets_of(some_events, name="left")
    with publisher_at(address("left")) as left:
        wait_for(brain, left)
        _give(left, packets)
        assert left.deliver(end_of(packets))
        left.wait_until_left(30, lambda: pytest.fail("the brain did not leave"))
    status = control_request(address("control"), {"command": "status"}, timeout_s=10)
    assert [source["frames"] for source in status["sources"]] == [2000, 0]
    control_request(address("control"), {"command": "stop"}, timeout_s=10)
    out, _ = brain.communicate(timeout=10)
    assert brain.returncode == 0
    assert [one["source"] for one in summary_of(out)["sources"]] == ["left", None]


def test_two_sources_of_one_name_are_not_mixed(
    wigwag, tiny_checkpoint: Path, some_events: Events, address: Callable[[str], str]
) -> None:
    """The second one is refused, said once and counted."""
    brain = wigwag.start(
        "brain", "--connect", address("one"), "--connect", address("two"),
        "--checkpoint", tiny_checkpoint, "--json", "--control", address("control"),
    )  # fmt: skip
    packets = packets_of(some_events, name="desk")

    def refused() -> int:
        status = control_request(address("control"), {"command": "status"}, timeout_s=10)
        return int(status["refused"])

    with publisher_at(address("one")) as one, publisher_at(address("two")) as two:
        wait_for(brain, one, two)
        _give(one, packets[:1])
        until(lambda: frames_of(address("control")) == 20)
        _give(two, packets[:3])
        until(lambda: refused() == 3)
        _give(one, packets[1:])
        assert one.deliver(end_of(packets))
        one.wait_until_left(30, lambda: pytest.fail("the brain did not leave"))
        brain.send_signal(signal.SIGINT)
        out, error = brain.communicate(timeout=10)
    summary = summary_of(out)
    assert summary["sources"][0]["frames"] == 2000
    assert summary["sources"][1]["refused"] == {"name of another source": 3}
    assert error.decode().count("source 'desk': got two of this name; allowed: one") == 1


@pytest.mark.parametrize("option", ["--labels", "--learn", "--session"])
def test_what_is_of_one_stream_is_refused_for_several(wigwag, tmp_path: Path, option: str) -> None:
    """In one line that says why, with status 2."""
    status, out, error = wigwag.run(
        "brain", "--connect", "ipc:///tmp/a", "--connect", "ipc:///tmp/b", option, tmp_path / "x"
    )
    assert (status, out) == (2, "")
    assert f"{option}: got 2 sources; allowed: one source" in error


def test_live_sees_by_two_cameras(wigwag, tmp_path: Path, tiny_checkpoint: Path) -> None:
    """Each has a process, a name and labels of its own; Ctrl-C is the ordinary end."""
    live = wigwag.start(
        "live", "--camera", "simulated:user=31", "--camera", "simulated:user=32",
        "--checkpoint", tiny_checkpoint, "--json", "--summary", tmp_path / "summary.json",
    )  # fmt: skip
    seen: set[str] = set()
    deadline = time.monotonic() + 60
    while len(seen) < 2:
        assert time.monotonic() < deadline
        seen.add(json.loads(live.stdout.readline())["source"])
    live.send_signal(signal.SIGINT)
    live.communicate(timeout=20)
    assert (live.returncode, seen) == (130, {"simulated-1", "simulated-2"})
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert [one["source"] for one in summary["sources"]] == ["simulated-1", "simulated-2"]
    for one in summary["sources"]:
        binned = one["events_binned"] + one["events_outside_view"]
        assert one["events_in"] == binned + one["events_late"] + one["events_invalid"] > 0
    assert sum(one["frames"] for one in summary["sources"]) == summary["frames"]


def test_numbered_files_are_not_written_over_what_is_read(
    wigwag, tmp_path: Path, tiny_checkpoint: Path
) -> None:
    """`--separate` numbers them: each is looked at under the name that it gets."""
    taken = tmp_path / "taught-2.safetensors"
    film = tmp_path / "kept-1.avi"
    film.write_bytes(b"pictures")
    kept, cameras = tmp_path / "kept.avi", ("--camera", film, "--camera", "simulated")
    for told in (
        ("live", *cameras, "--save", kept),
        ("live", *cameras, "--save", tmp_path / "taught.safetensors", "--output", taken),
    ):
        status, _, error = wigwag.run(*told, "--separate", "--checkpoint", tiny_checkpoint)
        assert (status, error.count("\n")) == (2, 1)
        assert "a file that is read" in error or "the file of --save of source 2 too" in error
    assert film.read_bytes() == b"pictures"
    assert not taken.exists()
