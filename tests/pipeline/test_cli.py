import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

from drivers.events import Events, SensorSize
from pipeline import bus, wire
from pipeline.addresses import ipc_address, private_run_directory
from pipeline.cli import app
from pipeline.labels import Label, encode_label
from recordings.aedat4_writer import Aedat4Writer

HEAVY = ("torch", "numba", "numpy", "cv2", "zmq", "msgspec", "rich", "aedat", "faery")
COMMANDS = [command.callback.__name__ for command in app.registered_commands if command.callback]


def test_help_imports_nothing_heavy() -> None:
    """Help of any command comes without loading arrays, compilers, sockets or readers."""
    code = (
        "import sys\n"
        "from pipeline.cli import main\n"
        f"for name in [None, *{COMMANDS!r}]:\n"
        "    sys.argv = ['wigwag', name, '--help'] if name else ['wigwag', '--help']\n"
        "    try: main()\n"
        "    except SystemExit as end: assert end.code == 0\n"
        f"    heavy = [module for module in {HEAVY!r} if module in sys.modules]\n"
        "    if heavy: sys.exit(f'{name}: {heavy}')\n"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=root
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("Usage: wigwag") == 1 + len(COMMANDS)


def test_info_gives_the_documented_fields(wigwag, tmp_path: Path, some_events: Events) -> None:
    """`info --json` is one JSON object with what the README promises."""
    path = tmp_path / "blob.aedat4"
    with Aedat4Writer(path, SensorSize(32, 32)) as writer:
        writer.write(some_events)
    status, out, error = wigwag.run("info", path, "--json")
    assert (status, error) == (0, "")
    found = json.loads(out)
    expected = {
        "width": 32,
        "height": 32,
        "events": len(some_events),
        "t_first_us": int(some_events["t"][0]),
        "t_last_us": int(some_events["t"][-1]),
        "on_share": some_events["on"].mean(),
        "damaged": False,
    }
    assert {name: found[name] for name in expected} == expected
    assert found["format"]


def test_bad_input_is_one_line_and_verbose_shows_the_stack(wigwag, tmp_path: Path) -> None:
    """A file that is no recording exits with 2 and one line; --verbose adds the stack."""
    (tmp_path / "text").write_text("no events here")
    status, _, error = wigwag.run("info", tmp_path / "text")
    assert (status, error.count("\n")) == (2, 1)
    assert error.startswith("wigwag: ")
    status, _, error = wigwag.run("--verbose", "info", tmp_path / "text")
    assert status == 2
    assert "Traceback" in error


def test_watch_prints_what_a_brain_says(wigwag) -> None:
    """Labels and telemetry of the address are printed until it is interrupted."""
    address = ipc_address(private_run_directory(), "brain")
    label = Label(
        t_us=1_000_000,
        source="desk",
        label="arm roll",
        gesture_class=8,
        confidence=0.75,
        counts=(0,) * 11,
        window_us=500_000,
        model_version="abc",
        latency_us=900,
        changed=False,
    )
    with bus.Publisher(address) as publisher:
        watcher = wigwag.start("watch", "--connect", address, "--json")
        deadline = time.monotonic() + 20
        while not (publisher.subscribers(b"labels/x") and publisher.subscribers(b"telemetry/x")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        now = time.time_ns()
        publisher.publish([b"labels/desk", b"rubbish", b""])
        publisher.publish(wire.encode_json("label", "desk", 0, encode_label(label), now))
        publisher.publish(wire.encode_json("telemetry", "brain", 0, b'{"frames":5}', now))
        lines = [json.loads(watcher.stdout.readline()) for _ in range(2)]
        watcher.send_signal(signal.SIGINT)
        _, error = watcher.communicate(timeout=2)
    assert lines == [{"label": json.loads(encode_label(label))}, {"telemetry": {"frames": 5}}]
    assert (watcher.returncode, error) == (130, b"wigwag: 0 messages missed, 1 not understood\n")


def test_watch_prints_figures_for_people(wigwag) -> None:
    """Those that have parts are left to --json."""
    address = ipc_address(private_run_directory(), "brain")
    figures = {"frames": 5, "steps_per_s": 1.25, "gaps": None, "view": {"x": 1}, "sources": [{}]}
    with bus.Publisher(address) as publisher:
        watcher = wigwag.start("watch", "--connect", address)
        deadline = time.monotonic() + 20
        while not publisher.subscribers(b"telemetry/x"):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        said = json.dumps(figures).encode()
        publisher.publish(wire.encode_json("telemetry", "brain", 0, said, time.time_ns()))
        line = watcher.stdout.readline().decode()
    assert line == "brain: frames 5, steps_per_s 1.2\n"


def test_a_terminated_command_clears_up(wigwag, tmp_path: Path) -> None:
    """SIGTERM ends `simulate` with its workers, leaves nothing half written and gives 143."""
    folder = tmp_path / "set"
    process = wigwag.start(
        "simulate", folder, "--layout", "dvsgesture", "--users", "1-3", "--processes", "2"
    )
    deadline = time.monotonic() + 60
    while len(list(folder.glob("*.unfinished"))) < 2:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    process.terminate()
    # Every worker holds the pipes too: they end only when the last of them has ended.
    process.communicate(timeout=10)
    assert process.returncode == 128 + signal.SIGTERM
    assert not list(folder.glob("*.unfinished"))


def test_a_session_starts_its_children_before_it_loads_arrays_or_sockets() -> None:
    """What takes long to import comes while the children load theirs, or never."""
    code = (
        "import sys\nimport pipeline.session, pipeline.brain_settings, pipeline.commands.run\n"
        "print([name for name in ('numpy', 'zmq', 'numba', 'torch') if name in sys.modules])"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert done.stdout.strip() == "[]"


def test_verbose_shows_stacks_of_child_processes_too(wigwag, tmp_path: Path) -> None:
    """Without it a bad file is one line, whichever process found it."""
    rubbish = tmp_path / "rubbish.aedat4"
    rubbish.write_bytes(b"no recording at all")
    plain, verbose = wigwag.run_side_by_side(("replay", rubbish), ("--verbose", "replay", rubbish))
    assert plain[0] == verbose[0] == 2
    assert len(plain[2].splitlines()) == 1, plain[2]
    assert "Traceback" in verbose[2]
    assert plain[2] in verbose[2]


def test_ctrl_c_is_heard_while_the_command_is_loaded(tmp_path: Path) -> None:
    """As installed: no stack of Python's, status 130."""
    root = Path(__file__).resolve().parents[2]
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    module, name = project["scripts"]["wigwag"].split(":")
    # It is among the first that `wigwag` imports.
    (tmp_path / "typer.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    done = subprocess.run(
        [sys.executable, "-c", f"from {module} import {name}; {name}()"],
        env=os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{root}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (130, "")
