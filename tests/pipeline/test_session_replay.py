"""What a replay of a session says of one that came to its end, and of one that did not."""

import json
from pathlib import Path
from typing import Any

import pytest

from drivers.errors import InputError
from pipeline.session_folder import FORMAT, SessionFolder
from pipeline.session_replay import SessionReplay

END = {"n": 1, "what": "end", "frame": 9, "t_us": 9000, "frames": "abcd", "weights": "1234"}


def label(number: int) -> bytes:
    """The label of a number, as a brain says it."""
    return json.dumps({"label": "wave", "t_us": number, "latency_us": number}).encode()


def replay(folder: Path, *, labels: int, end: dict[str, Any] | None) -> SessionReplay:
    """Of a session that said so many labels."""
    log = [{"n": 0, "what": "stream", "frame": 0, "t_us": 0}, *([end] if end else [])]
    made = SessionFolder(folder)
    made.log.write_text("".join(json.dumps(entry) + "\n" for entry in log))
    made.labels.write_bytes(b"".join(label(number) + b"\n" for number in range(labels)))
    made.settings.write_text(json.dumps({"format": FORMAT, "options": {}}))
    return SessionReplay(made)


def test_labels_and_weights_are_as_then(tmp_path: Path) -> None:
    """Both are said to be."""
    done = replay(tmp_path, labels=2, end=END)
    for number in range(2):
        done.label(label(number))
    assert done.check("abcd", "1234").endswith("2 labels and weights 1234 as then")


def test_a_session_without_an_end_has_its_labels_compared_alone(tmp_path: Path) -> None:
    """Labels of events that were lost with the process are counted; weights are not mentioned as
    compared.
    """
    done = replay(tmp_path, labels=3, end=None)
    done.label(label(0))
    said = done.check("abcd", "1234")
    assert "1 labels as then; its log has no end, so weights were not compared" in said
    assert "2 more were said, of events that were not kept" in said


@pytest.mark.parametrize("end", [END, None])
def test_another_label_is_a_difference(tmp_path: Path, end: dict[str, Any] | None) -> None:
    """It is said which, and whether the log has an end."""
    done = replay(tmp_path, labels=2, end=end)
    done.label(label(0))
    done.label(label(7))
    with pytest.raises(InputError, match="1 differences: label 2") as refused:
        done.check("abcd", "1234")
    assert ("its log has no end" in str(refused.value)) == (end is None)
