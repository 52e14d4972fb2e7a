import json
import os
import shutil
import signal
import time
from pathlib import Path
from subprocess import Popen
from typing import Any

import cv2
import numpy as np
import pytest

from drivers.events import Events, SensorSize
from drivers.gestures import GESTURE_NAMES
from recordings.aedat4_writer import Aedat4Writer
from recordings.labels import GestureInterval, write_label_file


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory, some_events: Events) -> Path:
    """Two seconds of a moving blob in an AEDAT4 file."""
    path = tmp_path_factory.mktemp("recording") / "blob.aedat4"
    with Aedat4Writer(path, SensorSize(32, 32)) as writer:
        writer.write(some_events)
    return path


@pytest.fixture(scope="session")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two gestures during the recording, one after it."""
    path = tmp_path_factory.mktemp("labels") / "blob_labels.csv"
    intervals = [
        GestureInterval(5_100_000, 5_900_000, 3),
        GestureInterval(6_000_000, 6_900_000, 8),
        GestureInterval(9_000_000, 9_900_000, 1),
    ]
    write_label_file(path, intervals)
    return path


def _summary(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def _timeless(lines: str) -> list[dict[str, Any]]:
    return [json.loads(line) | {"latency_us": 0} for line in lines.splitlines()]


def test_a_replay_counts_every_event_and_repeats_itself(
    wigwag, tmp_path: Path, recording: Path, tiny_checkpoint: Path, some_events: Events
) -> None:
    """At 4 times real time and at maximum speed: the same labels, and every event binned."""
    speeds = ("4", "max")
    runs = wigwag.run_side_by_side(*(
        (
            "replay", recording, "--speed", speed, "--checkpoint", tiny_checkpoint, "--json",
            "--output", tmp_path / f"{speed}.jsonl", "--summary", tmp_path / f"{speed}.json",
        )
        for speed in speeds
    ))  # fmt: skip
    outputs = []
    for speed, (status, out, error) in zip(speeds, runs, strict=True):
        assert status == 0, error
        assert "events in: 20,000" in error
        assert (tmp_path / f"{speed}.jsonl").read_text() == out
        summary = _summary(tmp_path / f"{speed}.json")
        assert summary["events_in"] == summary["events_binned"] == len(some_events)
        assert (summary["events_lost"], summary["events_late"]) == (0, 0)
        assert summary["frames"] == -(-int(some_events["t"][-1] - some_events["t"][0] + 1) // 1000)
        assert summary["labels"] == len(out.splitlines())
        assert summary["latency_p50_ms"] <= summary["latency_p99_ms"]
        assert summary["accuracy"] is None
        outputs.append(_timeless(out))
    assert outputs[0] == outputs[1]


@pytest.mark.parametrize(("name", "coding"), [("spot.avi", "MJPG"), ("spot.mp4", "mp4v")])
def test_live_recognises_a_film_to_its_end(
    wigwag, tmp_path: Path, tiny_checkpoint: Path, name: str, coding: str
) -> None:
    """A film of a moving spot, through real processes: events, frames and labels are counted."""
    film = tmp_path / name
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter.fourcc(*coding), 25.0, (64, 64))
    for number in range(25):
        picture = np.full((64, 64, 3), 90, np.uint8)
        cv2.circle(picture, (10 + 2 * number, 32), 8, (230, 230, 230), -1)
        writer.write(picture)
    writer.release()
    status, out, error = wigwag.run(
        "live", "--camera", film, "--checkpoint", tiny_checkpoint, "--json",
        "--output", tmp_path / "labels.jsonl", "--summary", tmp_path / "summary.json",
        "--noise-ms", 2, "--view", "0,0,64", "--view", "16,16,32@0.5",
    )  # fmt: skip
    assert status == 0, error
    assert (tmp_path / "labels.jsonl").read_text() == out
    summary = _summary(tmp_path / "summary.json")
    removed = summary["events_removed"]["background activity"]
    assert removed > 0
    assert f"{removed:,} events removed: background activity" in error
    assert [(view["t_us"], view["width"]) for view in summary["views"]] == [(0, 64), (500_000, 32)]
    seen = summary["events_binned"] + summary["events_outside_view"]
    assert summary["events_in"] == seen + summary["events_lost"] > 1000
    assert summary["frames"] + summary["frames_skipped"] >= 959
    assert summary["labels"] == len(out.splitlines()) >= 5


def test_a_network_that_counts_events_runs_live_and_is_not_taught(
    wigwag, tmp_path: Path, recording: Path, labels: Path
) -> None:
    """By the plain engine; to teach it would need clips of what it sees, and these are binary."""
    from models.checkpoint import save_checkpoint
    from models.network import Network
    from models.settings import LayerSettings, NetworkSettings

    settings = NetworkSettings(
        layers=(LayerSettings(channels=4, pool=4),), height=16, width=16, input_frames="counts"
    )
    path = tmp_path / "counting"
    save_checkpoint(path, Network(settings), GESTURE_NAMES, parent=None, record={})
    used = ("--checkpoint", path, "--speed", "max", "--json")
    learnt, refused, taught = wigwag.run_side_by_side(
        ("replay", recording, *used, "--learn", labels, "--summary", tmp_path / "summary.json"),
        ("replay", recording, *used, "--engine", "events"),
        ("adapt", "--camera", recording, "--checkpoint", path, "--session", tmp_path / "session"),
    )
    assert learnt[0] == 0, learnt[2]
    summary = _summary(tmp_path / "summary.json")
    assert summary["events_binned"] == 20_000
    assert summary["updates"] > 0
    assert (refused[0], taught[0]) == (2, 2)
    assert "input_frames = counts; allowed: torch" in refused[2]
    assert "checkpoint to teach: got input_frames = counts; allowed: binary frames" in taught[2]


def test_learning_saves_a_checkpoint_and_repeats_itself(
    wigwag, tmp_path: Path, recording: Path, labels: Path, tiny_checkpoint: Path
) -> None:
    """Two learning runs write the same bytes; weights change, gestures seen are scored."""
    runs = wigwag.run_side_by_side(*(
        (
            "replay", recording, "--speed", "max", "--checkpoint", tiny_checkpoint,
            "--learn", labels, "--save", tmp_path / name, "--summary", tmp_path / f"{name}.json",
            "--seed", "3", "--update-every", "10", "--stop", "1.3",
        )
        for name in ("one", "two")
    ))  # fmt: skip
    for status, out, error in runs:
        assert status == 0, error
        assert "updates: 100" in out
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert (tmp_path / "one").read_bytes() != tiny_checkpoint.read_bytes()
    summary = _summary(tmp_path / "one.json")
    assert summary["updates"] == (750 + 250) // 10
    assert [gesture["frames"] for gesture in summary["gestures"]] == [750, 250, 0]
    assert summary["gestures"][2]["got_label"] == "not seen"
    assert summary["accuracy"] == summary["layer_accuracies"][-1]


def test_weights_may_be_saved_over_those_begun_from(
    wigwag, tmp_path: Path, recording: Path, labels: Path, tiny_checkpoint: Path
) -> None:
    """Who goes on with his own weights names them once."""
    mine = tmp_path / "mine.safetensors"
    shutil.copyfile(tiny_checkpoint, mine)
    status, _, error = wigwag.run(
        "replay", recording, "--speed", "max", "--learn", labels, "--checkpoint", mine,
        "--save", mine, "--stop", "0.5",
    )  # fmt: skip
    assert status == 0, error
    assert mine.read_bytes() != tiny_checkpoint.read_bytes()


@pytest.mark.alone
@pytest.mark.parametrize("moment", ["starting", "running", "impatient", "ending"])
def test_ctrl_c_ends_everything_within_two_seconds(
    wigwag, tmp_path: Path, recording: Path, tiny_checkpoint: Path, moment: str
) -> None:
    """No process and no half-written file is left, whenever the interrupt comes; labels that were
    said are kept.
    """
    folder = tmp_path / "out"
    folder.mkdir()
    session = wigwag.start(
        "replay", recording, "--speed", "max" if moment == "ending" else "0.5", "--json",
        "--checkpoint", tiny_checkpoint, "--output", folder / "labels.jsonl",
    )  # fmt: skip
    said: list[bytes] = []
    if moment == "starting":
        _until(lambda: len(_children(session)) == 2)
    else:
        said = [session.stdout.readline() for _ in range(20 if moment == "ending" else 1)]
        assert all(said)
    children = _children(session)
    session.send_signal(signal.SIGINT)
    if moment == "impatient":  # so that nobody waits for the brain's summary
        session.send_signal(signal.SIGTERM)
    begin = time.monotonic()
    # Not `communicate`, which leaves out what `readline` has read ahead.
    out, error = session.stdout.read(), session.stderr.read()
    session.wait(timeout=10)
    assert time.monotonic() - begin < 2.0
    assert session.returncode in ((0, 130) if moment == "ending" else (130,))
    assert not [pid for pid in children if _alive(pid)]
    kept = [path.read_bytes() for path in folder.iterdir()]
    assert kept == ([] if moment == "starting" else [b"".join(said) + out])
    assert (b"labels.jsonl was not written" in error) is (moment == "starting")


def test_children_of_a_killed_session_end(wigwag, recording: Path, tiny_checkpoint: Path) -> None:
    """Even SIGKILL leaves no orphan."""
    session = wigwag.start(
        "replay", recording, "--speed", "0.1", "--json", "--checkpoint", tiny_checkpoint
    )
    assert session.stdout.readline()
    children = _children(session)
    assert len(children) == 4  # a source, a brain, and two that stand by
    session.kill()
    _until(lambda: not any(_alive(pid) for pid in children), 5.0)


def test_labels_of_a_killed_live_session_are_in_its_file(
    wigwag, tmp_path: Path, tiny_checkpoint: Path
) -> None:
    """After SIGKILL all that were said stand under the name given, whole, and nothing beside it."""
    kept = tmp_path / "out" / "labels.jsonl"
    kept.parent.mkdir()
    kept.write_text("of an earlier session\n")
    session = wigwag.start(
        *("live", "--camera", "simulated", "--checkpoint", tiny_checkpoint, "--json"),
        *("--output", kept),
    )
    said = [session.stdout.readline() for _ in range(5)]
    session.kill()
    said += session.stdout.readlines()
    session.wait(10)
    lines = kept.read_bytes().splitlines(keepends=True)
    assert lines[: len(said)] == said
    assert all(json.loads(line)["label"] for line in lines)
    assert list(kept.parent.iterdir()) == [kept]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.aedat4"], "missing.aedat4"),
        (["{recording}", "--speed", "fast"], "--speed"),
        (["{recording}", "--labels", "missing.csv"], "missing.csv"),
        (
            ["{recording}", "--start", "2", "--stop", "1"],
            "got 1 s; allowed: more than the start, 2",
        ),
        (["{recording}", "--step"], "--step"),
        (["{recording}", "--output", "/no/such/folder/out"], "output file"),
        (["{recording}", "--checkpoint", "{recording}"], "checkpoint"),
        (["{recording}", "--save", "{folder}"], "--save"),
        (["{recording}", "--summary", "{folder}"], "--summary"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    wigwag, recording: Path, tiny_checkpoint: Path, arguments: list[str], said: str
) -> None:
    """What cannot be used ends the session with one clear line, whichever process found it."""
    given = [
        argument.format(recording=recording, folder=recording.parent) for argument in arguments
    ]
    if "--checkpoint" not in given:
        given += ["--checkpoint", str(tiny_checkpoint)]
    status, out, error = wigwag.run("replay", *given)
    assert (status, out) == (2, "")
    assert error.startswith("wigwag: ")
    assert error.count("\n") == 1
    assert said in error


def _children(session: Popen[bytes]) -> list[int]:
    tasks = Path(f"/proc/{session.pid}/task/{session.pid}/children")
    return [int(pid) for pid in tasks.read_text().split()] if tasks.exists() else []


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state != "Z"


def _until(condition: Any, timeout_s: float = 30.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def test_a_class_that_the_checkpoint_has_not_is_named_by_file_and_line(
    wigwag, tmp_path: Path, recording: Path, tiny_checkpoint: Path
) -> None:
    """As every other error in a label file."""
    labels = tmp_path / "labels.csv"
    labels.write_text("class,startTime_usec,endTime_usec\n1,0,100000\n99,100000,200000\n")
    status, _, error = wigwag.run(
        "replay", recording, "--checkpoint", tiny_checkpoint, "--learn", labels
    )
    said = f"wigwag: label file {labels}, line 3: got class 99; allowed: 1 to 11, "
    assert status == 2
    assert error.splitlines()[-1].startswith(said)


@pytest.mark.parametrize("option", ["--learn", "--labels"])
def test_labels_of_another_recording_are_said(
    wigwag, tmp_path: Path, recording: Path, tiny_checkpoint: Path, option: str
) -> None:
    """Whose gestures all lie outside: one line says where they lie, and where the recording."""
    labels = tmp_path / "labels.csv"
    labels.write_text("class,startTime_usec,endTime_usec\n1,900000000,902000000\n")
    status, _, error = wigwag.run(
        *("replay", recording, "--speed", "max", "--checkpoint", tiny_checkpoint),
        *(option, labels, "--stop", "0.5"),
    )
    assert status == 0
    assert error.count("\n") == 1
    assert f"labels {labels}: got no gesture that was seen" in error
    assert "from 900.000 to 902.000 s" in error
