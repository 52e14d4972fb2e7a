import json
from pathlib import Path

import pytest

from drivers.other_gestures import KINDS
from pipeline.experiments.settings import ExperimentSettings
from pipeline.experiments.simulated_people import (
    TWELFTH,
    kind_of,
    perform,
    perform_twelfth,
    twelfth_kind,
)
from pipeline.experiments.teaching import TeachingSettings, teach_people


@pytest.mark.slow
def test_people_are_taught_and_everything_is_told(tmp_path: Path, tiny_checkpoint: Path) -> None:
    """A small run: rounds of lessons, the twelfth gesture, earlier people, a figure."""
    regime = TeachingSettings(
        seeds=1, gestures=(2, 8), candidates=1, lesson_ends_s=(0.3, 0.5), trial_s=0.3,
        test_sessions=1, earlier=(24,), remembered=(1,), rest_s=0.1, pause_s=0.3,
        twelfth_lessons=2, twelfth_lesson_s=0.3, twelfth_tests=1,
    )  # fmt: skip
    settings = ExperimentSettings(out=tmp_path, checkpoint=tiny_checkpoint)
    results = teach_people(regime, settings, lambda _: None)
    rounds = results["people"][0]["newcomer"]["rounds"]
    assert [row["taught_s"] for row in rounds] == [0.0, 0.3, 0.5]
    assert all(0 <= row[key] <= 1 for row in rounds for key in ("accuracy", "earlier_people"))
    assert rounds[-1]["by_class"].keys() == {"right hand wave", "arm roll"}
    for key in ("twelfth", "contested"):
        assert results["people"][0][key]["after"]["by_class"].keys() == {TWELFTH}
        assert results["summary"][key].keys() >= {"right", "earlier_people_after"}
    written = json.loads((tmp_path / "teaching.json").read_text())
    assert written["simulated"] is True
    assert written["results"]["summary"]["taught_s"] == [0.0, 0.3, 0.5]
    assert (tmp_path / "teaching.png").is_file()


@pytest.mark.parametrize("contested", [False, True])
def test_the_twelfth_gesture_is_not_the_persons_own_invention(contested: bool) -> None:
    """Another kind of movement than what this person does as class 11, or anybody; repeatable."""
    for user in range(30, 45):
        kind = twelfth_kind(user, contested=contested)
        assert kind != kind_of(user)
        assert (kind in KINDS) is contested
    one, again = (
        perform_twelfth(30, 0.2, session=1, side=16, contested=contested) for _ in range(2)
    )
    own = perform(30, [11], 0.2, session=1, side=16)[0]
    assert one.class_name == TWELFTH
    assert [bits.tolist() for bits in one.bits] == [bits.tolist() for bits in again.bits]
    assert [bits.tolist() for bits in one.bits] != [bits.tolist() for bits in own.bits]
