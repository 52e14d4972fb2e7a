"""The console beside a whole session: `wigwag live --console` and `wigwag adapt --console`."""

import re
import signal
import socket
from pathlib import Path
from subprocess import Popen

import pytest

from tests.pipeline.console.test_visit import Browser


def _address(process: Popen[bytes]) -> str:
    """Where the page is, once the session has said so."""
    said = []
    while line := process.stderr.readline().decode():
        said.append(line)
        if found := re.search(r"console at (http://\S+/)", line):
            return found[1]
    raise AssertionError(said)


def test_live_shows_its_brain_and_ends_with_it(wigwag, tiny_checkpoint: Path) -> None:
    """The page can be opened while it runs, a lesson given, and Ctrl-C ends all of it."""
    live = wigwag.start(
        *("live", "--camera", "simulated", "--console", "--console-port", "0"),
        *("--checkpoint", tiny_checkpoint, "--json"),
    )
    with Browser(_address(live)) as browser:
        assert browser.hear("preview").head.figures["frames"] > 0
        assert browser.hear("source")["status"]["position_us"] is None
        assert browser.ask("brain", "target", **{"class": "arm roll"})["class"] == 8
        assert not browser.ask("source", "seek", s=1)["ok"]
        assert browser.hear("brain")["status"]["learning"] is True
        live.send_signal(signal.SIGINT)
        assert browser.closed() in (1005, 1006, 1012)
    out, _ = live.communicate(timeout=60)
    assert live.returncode == 130
    assert b'"summary"' in out or b'"label"' in out


def test_adapt_keeps_what_is_taught_at_its_page(
    wigwag, tiny_checkpoint: Path, tmp_path: Path
) -> None:
    """Lessons from the page are in the session's log, and the log is on the page."""
    folder = tmp_path / "session"
    adapt = wigwag.start(
        *(
            "adapt",
            "--camera",
            "simulated",
            "--session",
            folder,
            "--console",
            "--console-port",
            "0",
        ),
        *("--checkpoint", tiny_checkpoint),
    )
    with Browser(_address(adapt)) as browser:
        browser.hear("preview")
        assert browser.ask("brain", "target", **{"class": 2, "seconds": 0.2})["ok"]
        while not any('"what":"lesson"' in line for line in browser.hear("session")["lines"]):
            pass
    adapt.send_signal(signal.SIGINT)
    adapt.communicate(timeout=60)
    assert '"what":"lesson"' in (folder / "log.jsonl").read_text()


def test_a_page_that_cannot_be_served_ends_the_session(wigwag, tiny_checkpoint: Path) -> None:
    """Whoever asked for a console shall not go on without one."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        live = ("live", "--camera", "simulated", "--console", "--console-port", port)
        status, _, error = wigwag.run(*live, "--checkpoint", tiny_checkpoint)
    assert status == 2
    assert f"console address 127.0.0.1:{port}: got Address already in use" in error
    assert "(of live and adapt: --console-port)" in error


def test_a_missing_package_is_one_line(
    wigwag, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the extra the console says what to install."""
    (tmp_path / "uvicorn.py").write_text("raise ImportError('gone', name='uvicorn')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    for command in (
        ("console", "--connect", "ipc://a", "--control", "ipc://b"),
        ("live", "--camera", "simulated", "--console"),
    ):
        status, _, error = wigwag.run(*command)
        assert status == 2
        assert error.count("\n") == 1
        assert "got no package uvicorn" in error
        assert "pip install 'wigwag[console]'" in error
