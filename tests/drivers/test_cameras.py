"""Cameras by name: those that come along, and kinds that other packages bring."""

from __future__ import annotations

import itertools
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from drivers.cameras import camera_kinds, open_camera
from drivers.endless_simulation import EndlessSimulation
from drivers.errors import InputError
from drivers.events import EventSource
from drivers.simulated_camera import SimulatedCamera

DOCS = Path(__file__).resolve().parents[2] / "docs" / "cameras.md"


def install_example(folder: Path) -> None:
    """The example of the documentation as a package that was installed, and one without its own."""
    text = DOCS.read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", text, re.S)
    points = re.search(r"```toml\n(.*?)```", text, re.S)
    assert code is not None
    assert points is not None
    assert len([line for line in code[1].splitlines() if line.strip()]) <= 22
    (folder / "blinking_camera.py").write_text(code[1], encoding="utf-8")
    (folder / "needy_camera.py").write_text("import no_such_library\n", encoding="utf-8")
    entry = re.search(r'(\w+) = "(.*)"', points[1])
    assert entry is not None
    info = folder / "blinking-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: blinking\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        f"[wigwag.cameras]\n{entry[1]} = {entry[2]}\nneedy = needy_camera:open_needy\n"
    )


@pytest.fixture
def other_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the example installed, from which this process imports."""
    install_example(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in ("blinking_camera", "needy_camera"):
        sys.modules.pop(name, None)


def test_a_kind_of_another_package_plugs_in(other_package: Path) -> None:
    """The documentation's example, options included, is a source of events."""
    assert {"blinking", "simulated", "webcam", "film"} <= set(camera_kinds())
    with open_camera("blinking:packets=3") as camera:
        assert isinstance(camera, EventSource)
        packets = list(camera)
    assert [packet.t_begin_us for packet in packets] == [0, 1000, 2000]
    assert all(packet.events.size == 64 for packet in packets)


def test_a_package_that_is_missing_is_named(other_package: Path) -> None:
    """Not a stack trace, but what to install."""
    with pytest.raises(
        InputError, match=r"no package no_such_library.*pip install no_such_library"
    ):
        open_camera("needy")


def test_options_that_another_package_cannot_read_are_refused(other_package: Path) -> None:
    """Its ValueError is bad input, and names the kind."""
    with pytest.raises(InputError, match=r"camera blinking: got the options 'packets=x': invalid"):
        open_camera("blinking:packets=x")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("telescope", "'telescope'; allowed: .*simulated, webcam, or the path of a film"),
        ("simulated:colour=red", "'colour=red'; allowed: user=..., light=..., seconds=..., seed="),
        ("simulated:user", "'user'; allowed"),
        ("simulated:user=x", "user: got 'x'; allowed: 1 to 10000"),
        ("simulated:light=dim", "light"),
        ("webcam:device=-1", "device: got '-1'"),
        ("nowhere.mp4", r"film nowhere.mp4: got no such file"),
    ],
)
def test_what_cannot_be_opened_says_what_can(text: str, message: str) -> None:
    """Unknown kinds and options, and values out of range."""
    with pytest.raises(InputError, match=message):
        open_camera(text)


def test_the_simulated_person_goes_on_for_ever_in_one_time() -> None:
    """After one performance comes another one, without a gap, and the same for the same seed."""
    one, again = (EndlessSimulation(30, "led", seconds=0.5, seed=4) for _ in range(2))
    length_us = SimulatedCamera(30, "led", range(1, 12), 0.5, seed=4).duration_us
    wanted = round(1.5 * length_us / 1000)
    packets = list(itertools.islice(one, wanted))
    assert all(a.t_end_us == b.t_begin_us for a, b in itertools.pairwise(packets))
    assert [packet.seq for packet in packets] == list(range(wanted))
    assert all(
        ((packet.events["t"] >= packet.t_begin_us) & (packet.events["t"] < packet.t_end_us)).all()
        for packet in packets
    )
    first, second = packets[1000:2000], packets[wanted - 1000 :]
    assert sum(packet.events.size for packet in second) > 1000
    assert first[0].events.tobytes() != second[0].events.tobytes()
    same = list(itertools.islice(again, 1200))
    assert all(
        np.array_equal(a.events, b.events) for a, b in zip(packets[:1200], same, strict=True)
    )
