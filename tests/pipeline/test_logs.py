import io
import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.logs import JsonLines

TYPE_KEYS = ["time", "level", "stage", "pid", "text"]


def entries(text: str) -> list[dict[str, Any]]:
    """The lines of a log."""
    return [json.loads(line) for line in text.splitlines()]


def test_every_line_is_an_entry_of_its_own() -> None:
    """Pieces become whole lines, what is empty is left out, and nothing forges an entry."""
    stream = io.StringIO()
    log = JsonLines(stream, "brain")
    for piece in (
        "wigwag: half",
        " and half\n\n",
        '{"time": "forged"}\n',
        "\r\x1b[2Kdrawn\n",
        "rest",
    ):
        log.write(piece)
    log.close()
    said = entries(stream.getvalue())
    assert [entry["text"] for entry in said] == [
        "half and half",
        '{"time": "forged"}',
        "\x1b[2Kdrawn",
        "rest",
    ]
    assert "\x1b" not in stream.getvalue()
    for entry in said:
        assert list(entry) == TYPE_KEYS
        assert (entry["stage"], entry["pid"]) == ("brain", os.getpid())
        assert datetime.fromisoformat(entry["time"]).utcoffset() is not None


def test_a_line_without_end_is_not_kept_for_ever() -> None:
    """Memory is bounded, whatever is written."""
    stream = io.StringIO()
    log = JsonLines(stream, "brain")
    for _ in range(40):
        log.write("x" * 10_000)
    assert stream.getvalue().count("\n") >= 5


def test_errors_and_logging_have_their_level(wigwag, tmp_path: Path) -> None:
    """A program that fails says so as an error, in JSON by option or environment alike."""
    missing = tmp_path / "nothing.aedat4"
    by_option, plain, wrong = wigwag.run_side_by_side(
        ("--log-json", "info", missing), ("info", missing), ("--log-json", "info", "--nonsense")
    )
    assert plain[2].startswith("wigwag: ")
    (entry,) = entries(by_option[2])
    assert (by_option[0], entry["level"], entry["stage"]) == (2, "error", "info")
    assert "nothing.aedat4" in entry["text"]
    assert (wrong[0], entries(wrong[2])[0]["level"]) == (2, "error")


def test_children_of_a_session_speak_the_same_way(wigwag, tmp_path: Path) -> None:
    """What source and brain say comes out as their entries, once."""
    missing = tmp_path / "nothing.aedat4"
    status, _, error = wigwag.run("--log-json", "replay", missing)
    said = entries(error)
    assert status == 2
    assert "source" in {entry["stage"] for entry in said}
    assert sum("nothing.aedat4" in entry["text"] for entry in said) == 1
    assert not any(entry["text"].startswith("{") for entry in said)


def test_records_of_libraries_are_entries(tmp_path: Path) -> None:
    """Warnings of `logging` and stacks are lines of JSON too."""
    program = (
        "import logging, pipeline.logs as l\n"
        "l.begin('brain', as_json=True)\n"
        "logging.getLogger('x').warning('two\\nlines')\n"
        "l.say('done')\n"
        "raise RuntimeError('over')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    said = [(entry["level"], entry["text"]) for entry in entries(done.stderr)]
    assert said[:3] == [("warning", "two"), ("warning", "lines"), ("info", "done")]
    assert said[-1] == ("info", "RuntimeError: over")


def test_a_wrong_choice_is_refused(wigwag, monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt environment is bad input, not ignored."""
    monkeypatch.setenv("WIGWAG_LOG", "jason")
    status, _, error = wigwag.run("keys", "list", "x")
    assert status == 2
    assert "text or json" in error
