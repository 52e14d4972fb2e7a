"""One object in turn is taught to a network that knows the others: drawn events, toy size."""

import json

import numpy as np
import pytest

from drivers.errors import InputError
from pipeline.experiments import teaching_objects
from pipeline.experiments.teaching_objects import TeachingObjectsSettings, teach_objects
from pipeline.object_recordings import ObjectRecording
from pipeline.variation import Variation

SIDE = 16
REGIME = TeachingObjectsSettings(
    seeds=1, samples=16, lesson_s=0.5, trial_s=0.2, pause_s=0.4, variation=Variation()
)


def drawn(name: str, class_name: str, column: int) -> ObjectRecording:
    """2 s of events in two columns."""
    frames = np.zeros((2000, 2, SIDE, SIDE), np.uint8)
    rng = np.random.default_rng(column)
    frames[..., column : column + 2] = rng.random((2000, 2, SIDE, 2)) < 0.2
    return ObjectRecording(name, class_name, np.packbits(frames.reshape(2000, -1), axis=1), SIDE)


RECORDINGS = [
    drawn("cup", "cup", 0),
    drawn("cup_1", "cup", 0),
    drawn("pen", "pen", 7),
    drawn("key", "key", 14),
]


@pytest.mark.slow
def test_each_object_is_taught_once_to_what_knows_the_others(
    settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All pieces of the last thirds are tested, also by whether their views were taught; numbers
    and figure are kept, called real.
    """
    given = settings()
    monkeypatch.setattr(teaching_objects, "turn_steps", lambda _: 1500)
    found = teach_objects(RECORDINGS, REGIME, given, lambda _line: None)
    assert [one["object"] for one in found["taught"]] == ["cup", "key", "pen"]
    assert [one["tests"] for one in found["taught"]] == [6, 3, 3]
    for one in found["taught"]:
        assert {view: pieces for view, (_, pieces) in one["new_after_by_views"].items()} == {
            teaching_objects.SHOWN: 2,
            teaching_objects.NEW: 1,
        }
    assert [one["earlier_tests"] for one in found["taught"]] == [6, 9, 9]
    assert found["taught"][0]["earlier_by_class"].keys() == {"key", "pen"}
    assert set(found["summary"]) == {"cup", "key", "pen", "mean"}
    written = json.loads((given.out / "teaching-objects.json").read_text())
    assert written["simulated"] is False
    assert (given.out / "teaching-objects.png").is_file()


def test_two_classes_are_too_few(settings) -> None:
    """Said before anything is learnt."""
    with pytest.raises(InputError, match="three classes"):
        teach_objects(RECORDINGS[:3], REGIME, settings(), lambda _line: None)
