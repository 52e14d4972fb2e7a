"""The commands as users type them: on simulated recordings and sets, and mistyped."""

from __future__ import annotations

import json
import shlex
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from drivers.events import Events
from drivers.gestures import GESTURE_NAMES
from models.checkpoint import load_checkpoint
from models.trainer import MinibatchResult
from pipeline.cli import app, main
from pipeline.commands.learn import ProgressPrinter
from pipeline.training_progress import TrainingProgress
from recordings.dvsgesture import read_gesture_set
from recordings.formats import open_recording
from recordings.labels import read_label_file
from recordings.simulated_set import write_simulated_set

OPTIONS = {
    "replay": ("--speed", "--loop", "--start", "--stop", "--step", "--learn", "--save", "--view"),
    "live": ("--camera", "--checkpoint", "--save", "--hot-pixels", "--noise-ms", "--view"),
    "adapt": ("--camera", "--session", "--rehearse", "--control", "--rate"),
    "teach": ("--control", "--seconds", "--undo", "--new", "--versions", "--load", "--compare"),
    "source": ("--camera", "--bind", "--backpressure", "--control", "--hot-pixels", "--noise-ms"),
    "brain": ("--connect", "--publish", "--when-behind", "--keep-running", "--view", "--latest"),
    "devices": ("--json", "--libraries"),
    "filters": (
        "--control",
        "--session",
        "--hot-pixels",
        "--find",
        "--noise-ms",
        "--no-noise",
        "--json",
    ),
    "console": (
        "--connect",
        "--control",
        "--source-control",
        "--host",
        "--port",
        "--token",
        "--log",
    ),
    "watch": ("--connect", "--telemetry"),
    "status": ("--control", "--source-control", "--over", "--timeout", "--json"),
    "info": ("--json",),
    "convert": ("OUT.aedat4",),
    "record": ("--connect", "--source"),
    "view": ("--output", "--labels", "--fps", "--scale", "--fade-ms", "--speed", "--view"),
    "simulate": ("--gesture", "--user", "--light", "--seconds", "--layout", "--users"),
    "evaluate": ("--split", "--json"),
    "train": ("--run", "--resume", "--settings", "--set", "--preset", "--seed", "51<=x<=100000"),
    "demo": ("--speed", "--summary"),
    "experiment": ("--out", "--checkpoint", "--test", "--seed"),
    "bench": ("--json", "--threads", "--blocks", "--scale", "--seconds", "--peers"),
}


PROCESSES = ("source", "brain", "watch", "record", "console")
"""Commands that are a process of their own, with its signals."""


def say(*arguments: object) -> str:
    """What a command that needs no process of its own prints; it has to succeed."""
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


def events_of(path: Path) -> Events:
    """All events of a recording."""
    with open_recording(path) as recording:
        return np.concatenate([packet.events for packet in recording])


@pytest.fixture(scope="module")
def arm_roll(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One simulated gesture with its label file."""
    path = tmp_path_factory.mktemp("one") / "arm roll.aedat4"
    said = say("simulate", path, "--gesture", "arm roll", "--user", 3, "--seconds", 0.5)
    assert "simulated" in said
    return path


@pytest.fixture(scope="module")
def user_24(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated set of one user, as documented."""
    folder = tmp_path_factory.mktemp("layout") / "set"
    said = say("simulate", folder, "--layout", "dvsgesture", "--users", "24", "--processes", "2")
    assert "3 simulated recordings" in said
    return folder


@pytest.mark.parametrize("command", OPTIONS)
def test_help_names_what_the_command_takes(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command explains itself and its options, and all are listed."""
    monkeypatch.setenv("COLUMNS", "200")
    said = say(command, "--help")
    assert f"wigwag {command}" in said
    for option in OPTIONS[command]:
        assert option in said
    assert command in say("--help")


def test_no_command_is_left_out() -> None:
    """The list above is that of the program."""
    assert {info.callback.__name__ for info in app.registered_commands if info.callback} == set(
        OPTIONS
    )


def test_without_arguments_the_help_is_shown(wigwag) -> None:
    """`wigwag` alone is a question, not an error."""
    status, out, error = wigwag.run()
    assert (status, error) == (0, "")
    assert "Usage: wigwag" in out


def test_a_set_is_described(simulated_set: Path) -> None:
    """Counts beside the published ones, and every recording whose labels are not as usual."""
    lines = say("info", simulated_set).splitlines()
    assert lines[1].startswith("to test: 2 recordings of users 24, 4 gestures; published: 24")
    assert sum("usual are 12: 0 of hand clapping instead of 1" in line for line in lines) == 4
    found = json.loads(say("info", simulated_set, "--json"))
    assert (found["train_trials"], found["found"]) == (4, lines)


def test_simulate_writes_one_gesture(arm_roll: Path) -> None:
    """The recording opens with what was announced, and its label file names the class."""
    found = json.loads(say("info", arm_roll, "--json"))
    assert (found["format"], found["width"], found["height"]) == ("AEDAT4", 128, 128)
    assert found["events"] == len(events_of(arm_roll)) > 1000
    (interval,) = read_label_file(arm_roll.with_name("arm roll_labels.csv"))
    assert interval.gesture_class == 8
    assert interval.t_end_us - interval.t_begin_us == 500_000


def test_simulate_writes_all_gestures(tmp_path: Path) -> None:
    """`all` is the eleven classes in their order; a number stands for a name."""
    everything = ("--gesture", "all", "--seconds", 0.1, "--light", "natural", "--seed", 2)
    say("simulate", tmp_path / "all.aedat4", *everything)
    intervals = read_label_file(tmp_path / "all_labels.csv")
    assert [interval.gesture_class for interval in intervals] == list(range(1, 12))
    files = []
    for name in ("8", "arm roll"):
        path = tmp_path / f"{name}.aedat4"
        say("simulate", path, "--gesture", name, "--seconds", 0.1)
        files.append(path.read_bytes())
    assert files[0] == files[1]


@pytest.mark.parametrize("taken", ["one.aedat4", "one_labels.csv"])
def test_simulate_replaces_nothing(tmp_path: Path, taken: str) -> None:
    """Neither a recording nor a label file, which may be there only once."""
    (tmp_path / taken).write_bytes(b"kept")
    done = CliRunner().invoke(app, ["simulate", str(tmp_path / "one.aedat4")])
    assert f"{taken}: got a file that is there" in str(done.exception)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"kept"]


@pytest.mark.slow
def test_simulate_writes_a_set_that_evaluate_judges(user_24: Path, tiny_checkpoint: Path) -> None:
    """Three lights and twelve gestures of a user to test; figures add up, in JSON and as text."""
    counts = read_gesture_set(user_24).counts()
    assert (counts["train_recordings"], counts["test_recordings"]) == (0, 3)
    assert (counts["users"], counts["test_trials"]) == (1, 36)
    found = json.loads(say("evaluate", tiny_checkpoint, user_24, "--json"))
    assert (found["trials"], found["users"]) == (36, [24])
    confusion = np.array(found["confusion"])
    assert list(confusion.sum(axis=1)) == [3] * 7 + [6] + [3] * 3
    assert found["accuracy"] == pytest.approx(np.trace(confusion) / 36)
    assert found["accuracy"] == found["layer_accuracy"][-1]
    assert sum(found["accuracy_by_light"].values()) / 3 == pytest.approx(found["accuracy"])
    assert found["trials_shorter_than_protocol"] == 0
    text = say("evaluate", tiny_checkpoint, user_24)
    assert f"right, top layer: {found['accuracy']:.1%}" in text
    for name in GESTURE_NAMES:
        assert name in text


@pytest.mark.slow
def test_a_training_run_is_stopped_and_resumed(
    wigwag, simulated_set: Path, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    """Ctrl-C ends it between minibatches; resumed, it gives the checkpoint of an unstopped run."""
    options = ("--start-from", tiny_checkpoint, "--minibatches", 200, "--batch", 1)
    options = (*options, "--crop-ms", 51, "--seed", 7)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    stopped = wigwag.start("train", simulated_set, "--run", parts, *options)
    said = [stopped.stderr.readline()]
    assert b"to train: 2 recordings of users 1, 4 gestures; published: 98" in said[0]
    while b"minibatch 50 of 200" not in said[-1]:
        said.append(stopped.stderr.readline())
        assert said[-1]
    # One a minute may come between, where the machine is slow.
    told = [line for line in said if line.startswith(b"minibatch")]
    assert told[0].startswith(b"minibatch 1 of 200")
    stopped.send_signal(signal.SIGINT)
    _, error = stopped.communicate(timeout=30)
    assert stopped.returncode == 130
    assert b"--resume" in error.splitlines()[-1]
    assert 50 <= load_checkpoint(parts / "checkpoint.safetensors").record["minibatches_done"] < 200

    say("train", simulated_set, "--run", parts, "--resume")
    said = say("train", simulated_set, "--run", whole, *options)
    loaded = load_checkpoint(whole / "checkpoint.safetensors")
    assert said.startswith(f"{whole}/checkpoint.safetensors: version {loaded.version}; ")
    assert loaded.record["training"]["seed"] == 7
    assert loaded.record["training"]["crops"]["batch"] == 1
    names = ("checkpoint.safetensors", "settings.toml")
    assert all((whole / name).read_bytes() == (parts / name).read_bytes() for name in names)
    assert len((parts / "log.csv").read_text().splitlines()) == 201


@pytest.mark.slow
def test_a_run_is_repeated_by_the_command_in_its_settings_file(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    """Users and the checkpoint that it began from are in it, beside the settings."""
    folder = tmp_path / "a set"
    write_simulated_set(folder, [1, 2, 24], lights=("led",), gestures=(2, 8), seconds=0.3)
    options = ("--users", "1", "--start-from", tiny_checkpoint, "--seed", 3)
    options = (*options, "--minibatches", 2, "--batch", 2, "--crop-ms", 60)
    say("train", folder, "--run", tmp_path / "one", *options)
    settings = tmp_path / "one" / "settings.toml"
    line = next(line for line in settings.read_text().splitlines() if "--settings" in line)
    places = {"THIS": settings, "NEW": tmp_path / "two"}
    program, *words = shlex.split(line.removeprefix("# "))
    assert program == "wigwag"
    say(*[places.get(word, word) for word in words])
    files = [tmp_path / name / "checkpoint.safetensors" for name in ("one", "two")]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert load_checkpoint(files[1]).record["users"] == [1]


def test_progress_is_told_every_minute_where_nothing_is_redrawn(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And of the first minibatch; of every fiftieth, however fast they are."""
    printer = ProgressPrinter()
    result = MinibatchResult(loss=(1.0,), accuracy=(0.5,), firing_rate=(0.1,))
    for number in range(1, 101):
        elapsed_s = 25.0 * min(number, 10)
        printer.add(TrainingProgress(number, 4500, elapsed_s, 60.0, 0.0, 1e-3, result))
    said = [line.split(",")[0] for line in capsys.readouterr().err.splitlines()]
    assert said == [f"minibatch {number} of 4500" for number in (1, 4, 7, 10, 50, 100)]


@pytest.mark.parametrize("ending", ["gif", "png"])
def test_view_draws_a_recording_with_its_labels(
    arm_roll: Path, tmp_path: Path, ending: str
) -> None:
    """A film or a sheet of pictures that is not empty, labels make a difference."""
    labels = arm_roll.with_name("arm roll_labels.csv")
    pictures = []
    for number, more in enumerate(([], ["--labels", labels])):
        out = tmp_path / f"{number}.{ending}"
        said = say("view", arm_roll, "-o", out, "--fps", 10, *more)
        assert said.startswith(f"{out}: ")
        assert f"{len(events_of(arm_roll)):,} events" in said
        with Image.open(out) as image:
            assert image.format == ending.upper()
            image.seek(getattr(image, "n_frames", 1) // 2)
            pictures.append(np.array(image.convert("RGB")))
    assert len(np.unique(pictures[0].reshape(-1, 3), axis=0)) > 2
    assert pictures[0].shape != pictures[1].shape or (pictures[0] != pictures[1]).any()


def test_convert_there_and_back_keeps_every_event(arm_roll: Path, tmp_path: Path) -> None:
    """AEDAT4 to AEDAT 3.1 and to AEDAT4 again: the same events, and the count is said."""
    events = events_of(arm_roll)
    old, new = tmp_path / "old.aedat", tmp_path / "new.aedat4"
    for file, out, name in ((arm_roll, old, "AEDAT 3.1"), (old, new, "AEDAT4")):
        assert say("convert", file, out) == f"{out}: {name}, {len(events):,} events\n"
        assert json.loads(say("info", out, "--json"))["format"] == name
        assert np.array_equal(events_of(out), events)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["dance"], "No such command 'dance'"),
        (["--verbos"], "--verbos"),
        (["info"], "Missing argument"),
        (["info", "a", "b"], "unexpected extra argument"),
        (["info", "missing.aedat4"], "missing.aedat4"),
        (["info", "{text}", "--jso"], "--jso"),
        (["convert", "{text}", "out.aedat4"], "{text}"),
        (["convert", "{recording}", "{folder}/out.mp3"], "out.mp3"),
        (["convert", "{recording}", "{folder}/absent/out.aedat4"], "absent"),
        (["record", "out.aedat4"], "--connect"),
        (["record", "{folder}/out.aedat4", "--connect", "nowhere"], "nowhere"),
        (["record", "{folder}/out.x", "--connect", "ipc:///x"], "out.x"),
        (["record", "{recording}", "--connect", "ipc:///x"], "a file that is there"),
        (["source", "{recording}", "--bind", "tcp://0.0.0.0:5555"], "--insecure"),
        (["source", "{recording}"], "--bind"),
        (["watch", "--connect", "smoke://signal"], "smoke://signal"),
        (["filters"], "--session DIR"),
        (["filters", "--session", "{folder}/absent"], "absent"),
        (["brain", "--connect", "ipc:///x", "--checkpoint", "{text}"], "{text}"),
        (["brain", "--connect", "ipc:///x", "--when-behind", "cry"], "--when-behind"),
        (["brain", "--connect", "ipc:///x", "--threshold", "2"], "threshold"),
        (["replay", "{recording}", "--speed"], "--speed"),
        (["replay", "{recording}", "--threads", "0"], "--threads"),
        (["replay", "{recording}", "--engine", "torch", "--seed", "9" * 26], "'--seed'"),
        (["replay", "{recording}", "--output", "{recording}"], "--output {recording}"),
        (["replay", "{recording}", "--summary", "{recording}"], "--summary {recording}"),
        (["replay", "{recording}", "--save", "{recording}"], "--save {recording}"),
        (["replay", "{recording}", "--labels", "{text}", "--output", "{text}"], "--output"),
        (["replay", "{recording}", "--output", "{folder}/o", "--summary", "{folder}/o"], "--out"),
        (["replay", "{recording}", "--checkpoint", "{text}", "--summary", "{text}"], "--summary"),
        (["replay", "--session", "{folder}", "--output", "{text}"], "--output {text}"),
        (["live", "--camera", "{text}", "--output", "{text}"], "--output {text}"),
        (["live", "--camera", "{recording}"], "wigwag replay '{recording}'"),
        (["live", "--camera", "simulated", "--console-port", "70000"], "'--console-port'"),
        (["source", "--camera", "{recording}", "--bind", "ipc:///x"], "leave out --camera"),
        (["live", "--camera", "film:path={text}", "--summary", "{text}"], "--summary {text}"),
        (
            ["adapt", "--camera={recording}", "--session={folder}/s", "--save={recording}"],
            "--save {recording}",
        ),
        (
            [
                "brain",
                "--connect=ipc:///x",
                "--teach",
                "--rehearse={recording}",
                "--latest={recording}",
            ],
            "--latest {recording}",
        ),
        (["brain", "--connect", "ipc:///x", "--learn", "{text}", "--save", "{text}"], "--save"),
        (["view", "{recording}"], "--output"),
        (["view", "{recording}", "-o", "{folder}/out.doc"], "out.doc"),
        (["view", "{text}", "-o", "{text}"], "--output {text}"),
        (["view", "{recording}", "--labels", "{text}", "-o", "{text}"], "--output {text}"),
        (["view", "{recording}", "-o", "{folder}/out.gif", "--labels", "{text}"], "{text}"),
        (["view", "{recording}", "-o", "{folder}/out.gif", "--fps", "0"], "fps"),
        (["simulate", "{folder}/out.aedat4", "--gesture", "pirouette"], "pirouette"),
        (["simulate", "{folder}/out.aedat4", "--light", "moon"], "moon"),
        (["simulate", "{folder}/out.aedat4", "--seconds", "0"], "--seconds"),
        (["simulate", "{folder}/out.aedat4", "--users", "24-29"], "--layout"),
        (["simulate", "{folder}/set", "--layout", "dvsgesture", "--users", "29-24"], "29-24"),
        (["simulate", "{folder}/set", "--layout", "dvsgesture", "--seconds", "1"], "--seconds"),
        (["evaluate", "{text}", "{set}"], "{text}"),
        (["evaluate", "{checkpoint}", "{folder}"], "{folder}"),
        (["train", "{folder}", "--run", "{folder}/run"], "{folder}"),
        (["train", "{set}", "--run", "{text}/run"], "{text}/run"),
        (["train", "{set}", "--run", "{folder}/run", "--preset", "huge"], "huge"),
        (["train", "{set}", "--run", "{folder}/run", "--set", "crops.size=3"], "crops.size"),
        (["train", "{set}", "--run", "{folder}/run", "--set", "crops"], "--set"),
        (["train", "{set}", "--run", "{folder}/run", "--set", "crops=3"], "crops = 3"),
        (
            [*("train", "{set}", "--start-from", "{checkpoint}"), *("--set", "network.gain=3")],
            "network.gain = 3.0; allowed: its own: network.gain = 5.0",
        ),
        (["train", "{set}", "--run", "{folder}/run", "--settings", "{text}"], "{text}"),
        (["train", "{set}", "--run", "{folder}/run", "--resume"], "settings.toml"),
        (["train", "{set}", "--crop-ms", "50"], "than or equal to 51"),
        (["train", "{set}", "--resume"], "--run"),
        (["train", "{set}", "--seed", "9" * 26], "'--seed'"),
        (["train", "{set}", "--resume", "--run", "{folder}/run", "--seed", "1"], "--seed"),
        (["demo", "--speed", "fast"], "--speed"),
        (["experiment", "mnist", "--out", "{folder}", "--data", "{folder}"], "train-images"),
        (["experiment", "nmnist", "--out", "{folder}", "--data", "{text}"], "{text}"),
        (["experiment", "objects", "--out", "{folder}", "--data", "{folder}"], "{folder}"),
        (["experiment", "objects", "--out", "{folder}", "--minutes", "0"], "--minutes"),
        (["experiment", "objects", "--out", "{text}"], "{text}"),
        (["experiment", "objects", "--out", "{folder}", "--samples", "9"], "--samples"),
        (["experiment", "scaling", "--out", "{folder}", "--minutes", "1"], "--minutes"),
    ],
)
def test_what_is_wrong_is_one_line_and_status_2(
    wigwag,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arm_roll: Path,
    simulated_set: Path,
    tiny_checkpoint: Path,
    tmp_path: Path,
    arguments: list[str],
    said: str,
) -> None:
    """Commands, options and files that cannot be used are named, and nothing is left behind."""
    text = tmp_path / "text"
    text.write_text("no events, no labels, no weights")
    names = {
        "text": text,
        "folder": tmp_path,
        "recording": arm_roll,
        "set": simulated_set,
        "checkpoint": tiny_checkpoint,
    }
    given = [argument.format(**names) for argument in arguments]
    if given[0] in PROCESSES:
        status, out, error = wigwag.run(*given)
    else:
        monkeypatch.setattr(sys, "argv", ["wigwag", *given])
        with pytest.raises(SystemExit) as ended:
            main()
        status, (out, error) = ended.value.code, capsys.readouterr()
    assert (status, out) == (2, "")
    assert error.startswith("wigwag: ")
    assert error.count("\n") == 1
    assert said.format(**names) in error
    assert "Traceback" not in error
    assert [path.name for path in tmp_path.iterdir()] == ["text"]
