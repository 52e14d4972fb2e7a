import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import zmq

from drivers.errors import InputError
from models.checkpoint_file import read_checkpoint
from models.live_learning import ONLINE
from pipeline.control import control_request
from pipeline.key_files import make_key_pair
from pipeline.security import CurveClient
from pipeline.session_folder import SessionFolder
from pipeline.session_log import read_session_log
from pipeline.targets import BURN_IN_US
from recordings.labels import read_label_file
from tests.pipeline.test_supervision import process_of

CAMERA = "simulated:user=31,seconds=1"
"""Everything that it shows is simulated."""


class Taught:
    """A session that runs, asked over its control address."""

    def __init__(self, wigwag: Any, folder: Path, checkpoint: Path, *more: object) -> None:
        self.process = wigwag.start(
            "adapt", "--camera", CAMERA, "--session", folder, "--checkpoint", checkpoint, "--json",
            *more,
        )  # fmt: skip
        self.folder = SessionFolder(folder)
        self.until(lambda: self.folder.control.is_file())

    def ask(self, command: str, timeout_s: float = 30, **fields: object) -> dict[str, Any]:
        """The brain's answer."""
        return control_request(
            self.folder.read_control(), {"command": command, **fields}, timeout_s=timeout_s
        )

    def until(self, condition: Callable[[], bool]) -> None:
        """Look again and again while the session runs."""
        deadline = time.monotonic() + 60
        while not condition():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)  # between two questions to a running process

    def wait_for_stream(self, seconds: float) -> None:
        """Until the stream has gone on for so long."""
        end_us = self.ask("status")["t_us"] + round(seconds * 1e6)
        self.until(lambda: self.ask("status")["t_us"] >= end_us)

    def lesson(self, gesture: object, seconds: float) -> int:
        """Give a lesson; the version that it made."""
        given = self.ask("status")["lessons"]
        self.ask("target", **{"class": gesture, "seconds": seconds})
        self.until(lambda: self.ask("status")["lessons"] > given)
        return int(self.ask("status")["version"])

    def end(self) -> tuple[str, str]:
        """End it as Ctrl-C does; standard output and error."""
        self.process.send_signal(signal.SIGINT)
        out, error = self.process.communicate(timeout=60)
        assert self.process.returncode == 130, error
        return out.decode(), error.decode()


def test_a_session_is_done_again_bit_for_bit(wigwag, tmp_path: Path, tiny_checkpoint: Path) -> None:
    """Lessons, one taken back, a new class, idle time, a version loaded, rehearsal, a changed
    rate: a replay gives the same labels and, by digest, the same frames and weights.
    """
    folder = tmp_path / "tuesday evening"
    session = Taught(wigwag, folder, tiny_checkpoint)
    session.until(lambda: session.ask("status")["frames"] > 100)
    first = session.lesson("arm roll", 0.6)
    session.lesson(2, 0.4)
    undone = session.ask("undo")
    assert (undone["undone"]["class"], undone["version"]) == (2, first)
    assert session.ask("add_class", name="wink")["class"] == 12
    session.lesson("wink", 0.5)
    session.ask("settings", rate=3e-4)
    session.lesson("none", 0.3)
    assert session.ask("save", name="good")["name"] == "good"
    session.until(lambda: session.ask("status")["rehearsal"] is not None)
    session.ask("load", version=first)
    session.lesson("wink", 0.3)
    session.ask("rehearsal", on=False)
    session.wait_for_stream(0.1)
    status = session.ask("status")
    assert status["classes"][-2:] == ["wink", "none"]
    out, error = session.end()
    assert "Traceback" not in error
    assert error.startswith(f"wigwag: teach it: wigwag teach CLASS --session '{folder}'\n")
    assert "ended by: interrupted\n" in error
    assert json.loads(session.folder.summary.read_text())["ended"] == "interrupted"

    log = read_session_log(session.folder.log)
    assert not log.torn
    assert [entry["request"]["command"] for entry in log.of("request")] == [
        "target", "target", "undo", "add_class", "target", "settings", "target", "save", "load",
        "target", "rehearsal",
    ]  # fmt: skip
    end = log.of("end")[0]
    assert end["frame"] >= status["frames"] + status["frames_skipped"]
    assert session.folder.labels.read_text() == out
    assert len(read_label_file(session.folder.targets)) == 4
    named = next(v for v in log.of("version") if v["name"] == "good")
    good = read_checkpoint(folder / "versions" / f"{named['version']:05d}.safetensors")
    assert good.version == named["digest"]
    assert good.class_names[-2:] == ("wink", "none")

    status_code, again, error = wigwag.run(
        "replay", "--session", folder, "--speed", "max", "--json", "--save", tmp_path / "end"
    )
    assert status_code == 0, error
    assert f"weights {end['weights']} as then" in error
    timeless = [
        [json.loads(line) | {"latency_us": 0} for line in lines.splitlines()]
        for lines in (out, again)
    ]
    assert timeless[0] == timeless[1]
    assert len(timeless[0]) > 20
    replayed = read_checkpoint(tmp_path / "end")
    assert replayed.version == end["weights"]


def test_filters_that_were_switched_are_in_the_log(
    wigwag, tmp_path: Path, tiny_checkpoint: Path
) -> None:
    """What is on when the stream begins, and every change at its frame; it is done again alike."""
    folder = tmp_path / "session"
    session = Taught(wigwag, folder, tiny_checkpoint, "--noise-ms", 20)
    session.until(lambda: session.ask("status")["frames"] > 50)
    switched = session.ask("status")["frames"]
    assert wigwag.run("filters", "--session", folder, "--no-noise", "--hot-pixels")[0] == 0
    session.wait_for_stream(0.3)
    session.lesson("arm roll", 0.3)
    session.end()
    first, then = read_session_log(session.folder.log).of("filters")
    assert (first["frame"], first["hot_pixels"], first["noise_ms"]) == (0, False, 20)
    assert (then["hot_pixels"], then["noise_ms"], first["source"]) == (True, None, then["source"])
    assert switched <= then["frame"] < switched + 5000
    status, _, error = wigwag.run("replay", "--session", folder, "--speed", "max")
    assert status == 0, error


def test_weights_that_a_lesson_blew_up_are_taken_back_while_it_runs(
    wigwag, tmp_path: Path, tiny_checkpoint: Path
) -> None:
    """Within 100 ms of the first update; the lesson is bad, the version before it goes on, later
    lessons count, and all of it is done again bit for bit.
    """
    session = Taught(wigwag, tmp_path / "session", tiny_checkpoint)
    session.until(lambda: session.ask("status")["frames"] > 100)
    good = session.lesson("arm roll", 0.3)
    session.ask("rehearsal", on=False)
    usual = session.ask("status")["settings"]["rate"]
    session.ask("settings", rate=1.0)
    session.ask("target", **{"class": "air drums"})
    session.until(lambda: session.ask("status")["lesson"] is None)
    assert (session.ask("status")["lessons"], session.ask("status")["version"]) == (1, good)
    session.ask("settings", rate=usual)
    later = session.lesson("air drums", 0.3)
    _, error = session.end()
    assert "lesson 2, air drums made weights far too large" in error
    log = read_session_log(session.folder.log)
    spoilt = log.of("spoilt")[0]
    assert (spoilt["lesson"], spoilt["version"]) == (2, good)
    begun = [entry["frame"] for entry in log.of("request") if entry["request"].get("class")][1]
    left_out = sum(entry["count"] for entry in log.of("skipped") if entry["frame"] >= begun)
    first_update = begun + BURN_IN_US // 1000 + ONLINE.update_every_steps + left_out
    assert spoilt["frame"] <= first_update + 100
    weights = {entry["version"]: entry["digest"] for entry in log.of("version")}
    assert len({weights[0], weights[good], weights[later]}) == 3
    status, _, error = wigwag.run("replay", "--session", session.folder.path, "--speed", "max")
    assert status == 0, error


def test_what_a_killed_session_said_is_kept_and_can_be_replayed(
    wigwag, tmp_path: Path, tiny_checkpoint: Path
) -> None:
    """After kill -9, with a torn last line: the lesson is done again, and the tear is told."""
    folder = tmp_path / "session"
    session = Taught(wigwag, folder, tiny_checkpoint)
    session.until(lambda: session.ask("status")["frames"] > 100)
    session.lesson("arm roll", 0.3)
    events = session.folder.events
    session.until(lambda: events.is_file() and events.stat().st_size > 100_000)
    # The brain first: one that sees its session gone still ends its log.
    os.kill(process_of(session.process, "brain"), signal.SIGKILL)
    session.process.send_signal(signal.SIGKILL)
    session.process.communicate(timeout=30)
    with session.folder.log.open("ab") as file:
        file.write(b'{"n":99,"what":"requ')
    assert read_session_log(session.folder.log).torn
    status, _, error = wigwag.run("replay", "--session", folder, "--speed", "max", "--json")
    assert status == 0, error
    assert "its log has no end" in error
    assert "torn" in error


def test_a_view_that_was_moved_is_moved_again_at_its_frame(
    wigwag, tmp_path: Path, tiny_checkpoint: Path
) -> None:
    """One chosen at the start, two while it runs: a replay in larger packets sees the same."""
    folder = tmp_path / "session"
    session = Taught(wigwag, folder, tiny_checkpoint, "--view", "10,20,64")
    session.until(lambda: session.ask("status")["frames"] > 100)
    moved = session.ask("view", view="0,0,96")
    assert moved["view"] == f"0,0,96@{moved['t_us'] / 1e6:.6f}"
    session.lesson("arm roll", 0.3)
    session.ask("view", view="centred")
    session.wait_for_stream(0.2)
    session.end()
    status, _, error = wigwag.run(
        "replay", "--session", folder, "--speed", "max", "--summary", tmp_path / "again.json"
    )
    assert status == 0, error
    views = [
        json.loads(path.read_text())["views"]
        for path in (session.folder.summary, tmp_path / "again.json")
    ]
    assert len(views[0]) == 3
    assert views[0] == views[1]


def test_a_session_that_was_changed_is_not_taken_for_the_same(
    wigwag, tmp_path: Path, tiny_checkpoint: Path
) -> None:
    """Another length of a lesson in the log: the replay ends with what came out otherwise."""
    folder = tmp_path / "session"
    session = Taught(wigwag, folder, tiny_checkpoint)
    session.until(lambda: session.ask("status")["frames"] > 100)
    session.ask("rehearsal", on=False)
    # More updates than 0.3 s have: a brain that is behind, or knows the class, leaves some out.
    within_0_3_s = 300 // ONLINE.update_every_steps
    for gesture in cycle(("arm roll", "air drums", "air guitar", "hand clapping")):
        before = session.ask("status")["updates"]
        session.lesson(gesture, 0.5)
        if session.ask("status")["updates"] > before + within_0_3_s:
            break
    session.end()
    text = session.folder.log.read_text()
    session.folder.log.write_text(text.replace('"seconds":0.5', '"seconds":0.3'))
    status, _, error = wigwag.run("replay", "--session", folder, "--speed", "max", "--json")
    assert status == 2
    assert "differences: " in error
    assert "Traceback" not in error


def test_teach_does_from_another_terminal_what_it_says(
    wigwag, tmp_path: Path, tiny_checkpoint: Path
) -> None:
    """A class is added and taught, versions are listed, compared, loaded; mistakes are told."""
    folder = tmp_path / "session"
    session = Taught(wigwag, folder, tiny_checkpoint)
    session.until(lambda: session.ask("status")["frames"] > 100)

    def teach(*arguments: object) -> tuple[int, str, str]:
        return wigwag.run("teach", "--session", folder, *arguments)

    assert teach("--new", "wink")[0] == 0
    status, out, _ = teach("wink", "--seconds", 0.5, "--json")
    assert (status, json.loads(out)) == (0, {"taught": "wink", "lessons": 1, "version": 1})
    runs = wigwag.run_side_by_side(*(
        ("teach", "--session", folder, *arguments)
        for arguments in (
            ("--versions",), ("--compare", "0", "1", "--json"), ("--status", "--json"),
            ("dance", "--seconds", 1), ("wink",), ("--undo", "--versions"),
            ("--load", "nothing"),
        )
    ))  # fmt: skip
    assert [status for status, _, _ in runs] == [0, 0, 0, 2, 2, 2, 2]
    assert "lesson: wink" in runs[0][1]
    compared = json.loads(runs[1][1])
    assert compared["state"] == "done"
    assert compared["classes"]["wink"].keys() == {"before", "after"}
    assert json.loads(runs[2][1])["classes"][-1] == "wink"
    assert all(len(error.splitlines()) == 1 for _, _, error in runs[3:])
    assert json.loads(teach("--undo", "--json")[1])["version"] == 0
    assert json.loads(teach("--load", "1", "--json")[1])["version"] == 1
    session.end()


def test_a_folder_with_a_session_is_not_written_over(wigwag, tmp_path: Path) -> None:
    """One line says so, and nothing is started."""
    (tmp_path / "log.jsonl").write_text("")
    status, _, error = wigwag.run("adapt", "--camera", CAMERA, "--session", tmp_path)
    assert status == 2
    assert "new or empty folder" in error
    assert [path.name for path in tmp_path.iterdir()] == ["log.jsonl"]


def test_a_session_that_cannot_start_says_why_and_no_more(
    wigwag, tmp_path: Path, tiny_checkpoint: Path
) -> None:
    """A camera that is none, an empty file, a pace that a camera does not have."""
    empty = tmp_path / "empty.aedat4"
    empty.touch()
    runs = wigwag.run_side_by_side(*(
        (
            "adapt", "--camera", *camera, "--session", tmp_path / f"{number}",
            "--checkpoint", tiny_checkpoint,
        )
        for number, camera in enumerate((["nosuch"], [empty], [CAMERA, "--speed", "max"]))
    ))  # fmt: skip
    for said, (status, out, error) in zip(("nosuch", "empty", "--speed"), runs, strict=True):
        assert (status, out, error.count("\n")) == (2, "", 1), error
        assert said in error


@pytest.mark.parametrize(
    ("camera", "options", "said"),
    [
        ("nosuch", (), "camera: got 'nosuch'"),
        ("simulated:user=abc", (), "user: got 'abc'"),
        ("{tmp}/empty.aedat4", (), "empty"),
        (CAMERA, ("--speed", "max"), "--speed"),
        (CAMERA, ("--rehearse", "{tmp}/nosuch"), "nosuch: got a path that does not exist"),
        (CAMERA, ("--rehearse", "{tmp}/none"), "none: got a folder without any"),
        (CAMERA, ("--control", "nonsense"), "address: got 'nonsense'"),
        (CAMERA, ("--secret-key", "{tmp}/nosuch"), "key file"),
        (CAMERA, ("--view", "500,500,20"), "view: got 500,500,20"),
        (CAMERA, ("--checkpoint", "{tmp}/half.safetensors"), "half.safetensors"),
    ],
)
def test_a_session_that_never_began_leaves_nothing(
    wigwag,
    tmp_path: Path,
    tiny_checkpoint: Path,
    camera: str,
    options: tuple[str, ...],
    said: str,
) -> None:
    """Whoever mistyped an option is told so first, and can give the session's name again."""
    (tmp_path / "empty.aedat4").touch()
    (tmp_path / "none").mkdir()
    (tmp_path / "half.safetensors").write_bytes(tiny_checkpoint.read_bytes()[:5000])
    before = set(tmp_path.iterdir())
    told = [option.format(tmp=tmp_path) for option in options]
    if "--checkpoint" not in told:
        told += ["--checkpoint", str(tiny_checkpoint)]
    status, out, error = wigwag.run(
        *("adapt", "--camera", camera.format(tmp=tmp_path)),
        *("--session", tmp_path / "sessions" / "monday", *told),
    )
    assert (status, out) == (2, ""), error
    assert said in error.splitlines()[0]
    assert set(tmp_path.iterdir()) == before


def test_what_was_in_a_folder_before_stays(wigwag, tmp_path: Path, tiny_checkpoint: Path) -> None:
    """Of a session that never began there only what came with it goes; one that begins stays."""
    folder = SessionFolder(tmp_path / "session")
    folder.path.mkdir()
    (folder.path / "notes.txt").write_text("mine")
    (folder.path / "source.json").write_text("{}")
    told = ("--session", folder.path, "--checkpoint", tiny_checkpoint)
    status, _, error = wigwag.run(
        *("adapt", "--camera", CAMERA, "--secret-key", tmp_path / "nosuch", *told)
    )
    assert status == 2, error
    left = {path.name: path.is_file() for path in folder.path.iterdir()}
    assert left == {"notes.txt": True, "source.json": True}
    session = Taught(wigwag, folder.path, tiny_checkpoint)
    session.until(lambda: session.ask("status")["frames"] > 100)
    session.end()
    assert (folder.path / "notes.txt").read_text() == "mine"
    assert folder.events.is_file()
    assert read_session_log(folder.log).of("end")


def test_damage_in_the_middle_of_a_log_is_refused(tmp_path: Path) -> None:
    """A line that is no entry, with others after it."""
    path = tmp_path / "log.jsonl"
    lines = [{"n": n, "what": "request", "frame": n, "t_us": 0} for n in range(3)]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    path.write_text(text.replace('"n": 1', '"n": 7'))
    with pytest.raises(InputError, match="line 2"):
        read_session_log(path)
    path.write_text(text)
    assert len(read_session_log(path).entries) == 3


def test_the_example_in_the_docs_teaches_a_brain(
    wigwag, tmp_path: Path, tiny_checkpoint: Path
) -> None:
    """It begins a lesson, and shows it in the status."""
    session = Taught(wigwag, tmp_path / "session", tiny_checkpoint)
    example = Path(__file__).resolve().parents[2] / "docs" / "examples" / "teach.py"
    done = subprocess.run(
        [sys.executable, example, session.folder.read_control(), "arm roll", "30"],
        capture_output=True,
        check=True,
        timeout=60,
    )
    target, status = (json.loads(line) for line in done.stdout.splitlines())
    assert (target["ok"], target["class"]) == (True, 8)
    assert status["lesson"]["class"] == 8
    session.end()


def test_what_is_brought_along_is_rehearsed_in_a_replay_too(
    wigwag, tmp_path: Path, tiny_checkpoint: Path, simulated_set: Path
) -> None:
    """A set of recordings beside a session; a replay takes the clips from the session's folder."""
    folder = tmp_path / "session"
    session = Taught(wigwag, folder, tiny_checkpoint, "--rehearse", simulated_set)
    session.until(lambda: session.ask("status")["frames"] > 100)
    session.lesson("arm roll", 0.3)
    session.wait_for_stream(0.8)
    session.end()
    assert (folder / "clips" / "given.npz").is_file()
    status, _, error = wigwag.run("replay", "--session", folder, "--speed", "max", "--json")
    assert status == 0, error
    assert "as then" in error


def test_who_has_a_key_teaches_from_elsewhere(
    wigwag, tmp_path: Path, tiny_checkpoint: Path
) -> None:
    """On an address of all interfaces: a listed key with the right to teach, and nobody else."""
    for name in ("brain", "lena", "guest"):
        make_key_pair(tmp_path, name)
    brain = tmp_path / "brain.key_secret"
    for name, right in (("lena", "teach"), ("guest", "watch")):
        allowed = wigwag.run("keys", "allow", brain, tmp_path / f"{name}.key", "--may", right)
        assert allowed[0] == 0, allowed
    with zmq.Context() as context, context.socket(zmq.PUB) as socket:
        port = socket.bind_to_random_port("tcp://127.0.0.1")
    folder = SessionFolder(tmp_path / "session")
    session = wigwag.start(
        *("adapt", "--camera", CAMERA, "--session", folder.path, "--checkpoint", tiny_checkpoint),
        *("--control", f"tcp://0.0.0.0:{port}", "--secret-key", brain),
    )

    def ask(name: str) -> dict[str, Any]:
        return control_request(
            f"tcp://127.0.0.1:{port}",
            {"command": "target", "class": "arm roll", "seconds": 0.2},
            timeout_s=60 if name == "lena" else 1,
            security=CurveClient(tmp_path / "brain.key", tmp_path / f"{name}.key_secret"),
        )

    assert ask("lena")["class"] == 8
    with pytest.raises(InputError):
        ask("guest")
    session.send_signal(signal.SIGINT)
    assert session.wait(60) == 130


def test_a_console_of_the_same_session_has_no_key(
    wigwag, tmp_path: Path, tiny_checkpoint: Path
) -> None:
    """One error that says what to do instead; no folder is made."""
    folder = tmp_path / "session"
    status, _, error = wigwag.run(
        *("adapt", "--camera", CAMERA, "--session", folder, "--checkpoint", tiny_checkpoint),
        *("--console", "--secret-key", tmp_path / "brain.key_secret"),
    )
    assert (status, "wigwag console" in error, folder.exists()) == (2, True, False)


def test_a_session_goes_on_in_a_folder_beside_it(
    wigwag, tmp_path: Path, tiny_checkpoint: Path
) -> None:
    """After kill -9 of its brain, then of its recorder: what was learnt is known, it is taught at
    the same address, labels say the gaps; each part can be done again, as far as it was written.
    """
    parts = [SessionFolder(tmp_path / f"monday{number}") for number in ("", "-2", "-3")]
    session = Taught(wigwag, parts[0].path, tiny_checkpoint)
    session.until(lambda: session.ask("status")["frames"] > 100)
    session.ask("add_class", name="wink")
    session.lesson("wink", 0.4)
    session.until(parts[0].latest.is_file)
    session.until(lambda: read_checkpoint(parts[0].latest).class_names[-1] == "wink")
    for stage, beside in zip(("brain", "record"), parts[1:], strict=True):
        os.kill(process_of(session.process, stage), signal.SIGKILL)
        session.until(beside.control.is_file)
        session.until(lambda: _frames_of(session) > 100)
        events = beside.events
        session.until(lambda events=events: events.is_file() and events.stat().st_size > 100_000)
        assert session.ask("status")["classes"][-1] == "wink"
        asked = wigwag.run("filters", "--session", beside.path)
        assert (asked[0], "hot pixels: off" in asked[1]) == (0, True), asked
    session.lesson("wink", 0.4)
    out, error = session.end()
    assert all(f"the session goes on in {beside.path}" in error for beside in parts[1:])
    assert json.loads(out.splitlines()[-1])["gaps"] == 2
    assert json.loads(parts[2].summary.read_text())["frames"] > 100
    runs = wigwag.run_side_by_side(
        *(("replay", "--session", part.path, "--speed", "max", "--json") for part in parts)
    )
    for part, (status, again, error) in zip(parts, runs, strict=True):
        assert status == 0, error
        has_end = part is parts[2]
        assert ("its log has no end" in error) is not has_end
        labels = [
            [json.loads(line) | {"latency_us": 0, "gaps": 0} for line in lines.splitlines()]
            for lines in (part.labels.read_text(), again)
        ]
        shorter = min(map(len, labels))
        assert labels[0][:shorter] == labels[1][:shorter]
        assert shorter == len(labels[0]) if has_end else shorter > 0


def _frames_of(session: Taught) -> int:
    """Frames of the brain that is there now; 0 while there is none."""
    try:
        return int(session.ask("status", timeout_s=1)["frames"])
    except InputError:
        return 0
