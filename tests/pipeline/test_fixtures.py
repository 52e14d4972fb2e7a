"""Files and messages of released versions are read, or refused with a word of what to do."""

import json
import shutil
from pathlib import Path

import msgspec
import pytest

from drivers.gestures import GESTURE_NAMES
from models.checkpoint_file import read_checkpoint
from pipeline import wire
from pipeline.allow_list import read_allow_list
from pipeline.labels import decode_label
from pipeline.session_log import read_session_log

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
VERSIONS = sorted(folder.name for folder in FIXTURES.iterdir() if folder.is_dir())
SAME_WIRE = ["0.1.0"]
"""Versions that speak this wire version."""


def message(version: str, name: str) -> list[bytes]:
    """The parts of a kept message."""
    data = (FIXTURES / version / f"{name}.message").read_bytes()
    return msgspec.msgpack.decode(data, type=list[bytes])


def test_there_are_fixtures() -> None:
    """Otherwise the tests below say nothing."""
    assert VERSIONS


@pytest.mark.parametrize("version", VERSIONS)
def test_checkpoints_are_read(version: str) -> None:
    """Weights that somebody taught are not lost by an upgrade."""
    stored = read_checkpoint(FIXTURES / version / "checkpoint.safetensors")
    assert stored.class_names == GESTURE_NAMES
    assert len(stored.settings.layers) == 3
    assert stored.record == {"made": "up"}


@pytest.mark.parametrize("version", SAME_WIRE)
def test_messages_of_every_kind_are_read(version: str) -> None:
    """Stages of two releases with the same wire version work together."""
    events = wire.decode(message(version, "events"))
    assert isinstance(events, wire.EventsMessage)
    packet = events.packet
    assert (packet.source, packet.seq, packet.lost_before) == ("desk", 4, 2)
    assert packet.events["t"].tolist() == [1000, 1500, 1999]
    assert packet.events["x"].tolist() == [0, 7, 31]
    assert packet.events["on"].tolist() == [True, False, True]
    end = wire.decode(message(version, "end"))
    assert isinstance(end, wire.EndMessage)
    assert (end.totals.events, end.totals.lost, end.sensor.width) == (3, 2, 32)
    label = wire.decode(message(version, "label"))
    assert isinstance(label, wire.JsonMessage)
    assert decode_label(label.payload).gesture_class == 2
    telemetry = wire.decode(message(version, "telemetry"))
    assert isinstance(telemetry, wire.JsonMessage)
    assert msgspec.json.decode(telemetry.payload)["stage"] == "source"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", ["events", "end", "label", "telemetry"])
def test_other_wire_versions_are_refused_by_name(version: str, name: str) -> None:
    """A message of a version that is not understood says so, and is never half understood."""
    topic, header, payload = message(version, name)
    fields = msgspec.msgpack.decode(header)
    fields["version"] += 1
    with pytest.raises(wire.WireError, match="version") as refused:
        wire.decode([topic, msgspec.msgpack.encode(fields), payload])
    assert refused.value.reason == "version"


@pytest.mark.parametrize("version", VERSIONS)
def test_sessions_are_done_again(wigwag, version: str, tmp_path: Path) -> None:
    """Events, log and requests are read as they were meant: the same frames, the same answers.

    Labels and weights are the same bits only on the machine and with the version that kept them.
    """
    folder = tmp_path / "session"
    shutil.copytree(FIXTURES / version / "session", folder)
    log = read_session_log(folder / "log.jsonl")
    asked = [entry["request"]["command"] for entry in log.of("request")]
    assert asked == ["target", "undo", "add_class", "target"]
    summary = tmp_path / "summary.json"
    status, out, error = wigwag.run(
        *("replay", "--session", folder, "--speed", "max", "--json", "--summary", summary)
    )
    (told,) = [line for line in error.splitlines() if "wigwag: " in line and "session" in line]
    assert (status, "differences" in told) in ((0, False), (2, True)), error
    assert "frames" not in told
    assert "answer to" not in told
    labels = [json.loads(line) for line in out.splitlines()]
    assert len(labels[0]["counts"]) == 11
    assert len(labels[-1]["counts"]) == 12
    if status == 0:
        found = json.loads(summary.read_text())
        assert (found["events_in"], found["frames"]) == (6000, log.of("end")[0]["frame"])


@pytest.mark.parametrize("version", VERSIONS)
def test_allow_lists_are_read(version: str, tmp_path: Path) -> None:
    """Who was let in still is, and for no more."""
    path = tmp_path / "stage.allowed"
    shutil.copy(FIXTURES / version / "stage.allowed", path)
    path.chmod(0o600)  # a checkout's rights depend on the umask
    (client,) = read_allow_list(path).values()
    assert (client.name, client.rights) == ("lena", {"watch", "teach"})
