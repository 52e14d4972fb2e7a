from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from drivers.errors import InputError
from models.engine import Engine
from models.errors import ModelError, NotFiniteError
from models.events_engine import EventsEngine
from models.live_learning import ONLINE
from models.teaching import teaching_of
from pipeline import teacher, versions
from tests.pipeline.school import School, open_school


@pytest.fixture
def school(tiny_checkpoint: Path, tmp_path: Path) -> Iterator[School]:
    """A school with the tiny network."""
    with open_school(tiny_checkpoint, tmp_path) as school:
        yield school


def test_undo_takes_back_the_last_lesson_and_then_the_one_before(school: School) -> None:
    """Weights are those before each, rehearsal since then included; then nothing is left."""
    begin = school.weights
    school.lesson("arm roll", 400)
    school.go_on(50, may_rehearse=False)
    between = school.weights
    school.lesson("air drums", 400)
    school.go_on(700)
    assert school.weights != between
    assert school.teacher.undo().class_name == "air drums"
    assert (school.weights, school.teacher.versions.current) == (between, 1)
    assert school.teacher.undo().class_name == "arm roll"
    assert (school.weights, school.teacher.status()["lessons"]) == (begin, 0)
    with pytest.raises(InputError, match="no lesson to take back"):
        school.teacher.undo()


def test_memory_for_undo_is_bounded_and_the_last_lesson_always_fits(
    school: School, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Room for two lessons, then for none: the oldest are left."""
    one = teaching_of(school.engine).keep().size_bytes
    undoable = []
    for room in (2 * one, 2 * one, 2 * one, one // 2):
        monkeypatch.setattr(teacher, "UNDO_BYTES", room)
        school.lesson("arm roll", 20)
        undoable.append(school.teacher.status()["undoable"])
    assert undoable == [1, 2, 2, 1]
    school.teacher.undo()
    assert school.teacher.status()["lessons"] == 3


def test_a_lesson_that_runs_can_be_taken_back(school: School) -> None:
    """In its middle; it leaves no version."""
    begin = school.weights
    school.teacher.begin_lesson("arm roll", 0, None)
    school.go_on(300)
    assert school.weights != begin
    school.teacher.undo()
    assert school.weights == begin
    assert len(school.teacher.versions.listing()) == 1


def test_a_lesson_begins_and_ends_at_its_times(school: School) -> None:
    """Ahead in the stream, for so many seconds: exactly these frames."""
    school.go_on(10)
    lesson = school.teacher.begin_lesson("arm roll", 100_000, 0.25)
    assert school.teacher.status()["lesson"] == {"class": 8, "t_us": 100_000}
    school.go_on(500)
    assert (lesson.from_us, lesson.end_us, lesson.frames) == (100_000, 350_000, 250)
    assert school.teacher.status()["lesson"] is None
    assert school.notes[-1]["frames"] == 250


def test_rehearsal_waits_for_lessons_and_tests_every_third_round(school: School) -> None:
    """A clip read wrong is learnt from in two rounds, not in the third, of which accuracy tells;
    after six rounds it ends.
    """
    school.go_on(300)
    assert school.engine.updates == 0
    school.lesson("arm roll", 250)
    taught = school.engine.updates
    school.go_on(500)
    rehearsed = school.engine.updates
    assert 0 < rehearsed - taught <= 2 * 150 // ONLINE.update_every_steps
    assert school.teacher.rehearsal.accuracy == {}
    school.go_on(250)
    assert school.engine.updates == rehearsed
    assert set(school.teacher.rehearsal.accuracy) == {"arm roll"}
    school.go_on(750)
    assert not school.teacher.rehearsal.running
    updates = school.engine.updates
    school.go_on(300)
    assert school.engine.updates == updates


def test_what_is_still_read_right_is_not_learnt_again(school: School) -> None:
    """A lesson of the class that the network votes for anyway: its clip needs no mending."""
    school.go_on(300)
    counts = school.recogniser._votes.counts
    name = school.engine.class_names[counts.index(max(counts))]
    school.lesson(name, 250)
    taught = school.engine.updates
    school.go_on(1500)
    assert school.engine.updates == taught
    assert school.teacher.rehearsal.accuracy == {name: 1.0}


def test_rehearsal_leaves_the_live_stream_as_it_is(tiny_checkpoint: Path, tmp_path: Path) -> None:
    """With a rate of 0, labels are the same with and without."""
    seen = []
    for on in (True, False):
        with open_school(tiny_checkpoint, tmp_path / str(on)) as school:
            school.teacher.change_settings({"rate": 0.0})
            school.teacher.rehearsal.on = on
            school.lesson("arm roll", 250)
            school.go_on(600)
            seen.append(school.recogniser._votes.counts)
    assert seen[0] == seen[1]


def test_idle_time_is_a_class_made_when_it_is_first_taught(school: School) -> None:
    """Once, with a row of its own."""
    school.lesson("none", 100)
    school.lesson("none", 100)
    assert school.engine.class_names.count("none") == 1
    assert len(school.recogniser._votes.counts) == 12


KEPT_VERSIONS = 5


@pytest.fixture
def few_versions(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for so many without a name, besides the first and the current one."""
    one = teaching_of(school.engine).keep().size_bytes
    monkeypatch.setattr(versions, "KEPT_BYTES", KEPT_VERSIONS * one)


def test_versions_are_bounded_named_and_loaded(school: School, few_versions: None) -> None:
    """The oldest without a name go; one with a name stays and is gone back to."""
    school.lesson("arm roll", 60)
    named = school.teacher.make_version("saved", "good")
    good = school.weights
    for _ in range(KEPT_VERSIONS + 5):
        school.lesson("air drums", 60)
    listed = [version["version"] for version in school.teacher.versions.listing()]
    assert len(listed) == KEPT_VERSIONS + 3
    assert {0, named.number} < set(listed)
    school.teacher.load("good")
    assert school.weights == good == school.engine.version
    assert school.teacher.status()["undoable"] == 0
    for wrong in (1, "1", "gone", True, None):
        with pytest.raises(InputError, match="version"):
            school.teacher.load(wrong)
    school.writer.wait()
    school.writer.check()
    assert len(list(school.teacher.clips_folder.parent.glob("versions/*"))) == len(listed)


def test_requests_that_make_no_sense_change_nothing(school: School) -> None:
    """Classes, lengths, names and settings out of range."""
    begin = school.weights
    teacher = school.teacher
    for call in (
        lambda: teacher.begin_lesson("dance", 0, None),
        lambda: teacher.begin_lesson("arm roll", 0, -1.0),
        lambda: teacher.change_settings({"rate": 5}),
        lambda: teacher.change_settings({"rate": 1e-4, "speed": 3}),
        lambda: teacher.change_settings({"threshold": 3.0}),
        lambda: teacher.change_settings({}),
        lambda: teacher.versions.check_name("7up/"),
    ):
        with pytest.raises(InputError):
            call()
    with pytest.raises(ModelError, match="class name"):
        teacher.add_class("arm roll")
    assert (school.weights, teacher.status()["lesson"]) == (begin, None)
    assert teacher.settings()["rate"] == ONLINE.rate


def _spoil(engine: Engine) -> None:
    """What a step of learning that is far too large would leave."""
    assert isinstance(engine, EventsEngine)
    engine._layers[0].weight[:4] = np.inf


def test_a_lesson_that_makes_weights_infinite_is_taken_back(school: School) -> None:
    """At that update; earlier lessons stay, later ones are learnt as if nothing had been."""
    school.lesson("arm roll", 300)
    school.go_on(10, may_rehearse=False)
    before = school.weights
    school.teacher.begin_lesson("air drums", school.t_us, None)
    school.go_on(10)
    _spoil(school.engine)
    with pytest.raises(NotFiniteError):
        school.go_on(200)
    school.teacher.recover()
    assert school.weights == before
    status = school.teacher.status()
    assert (status["lesson"], status["lessons"]) == (None, 1)
    spoilt = school.notes[-1]
    assert (spoilt["what"], spoilt["lesson"], spoilt["name"]) == ("spoilt", 2, "air drums")
    school.lesson("air drums", 300)
    assert school.teacher.status()["lessons"] == 2


def test_weights_that_grow_out_of_proportion_are_taken_back_within_50_frames(
    school: School,
) -> None:
    """While they are finite still; what is taught after that counts again."""
    school.lesson("arm roll", 200)
    before = school.weights
    school.teacher.rehearsal.on = False
    school.teacher.begin_lesson("air drums", school.t_us, None)
    school.go_on(60)
    assert isinstance(school.engine, EventsEngine)
    school.engine._layers[1].weight[:] *= 11.0
    assert np.isfinite(school.engine._layers[1].weight).all()
    assert school.notes[-1]["what"] == "lesson"
    school.go_on(50)
    spoilt = school.notes[-1]
    assert (spoilt["what"], spoilt["lesson"], spoilt["name"]) == ("spoilt", 2, "air drums")
    assert school.weights == before
    assert school.teacher.status()["lesson"] is None
    school.lesson("air drums", 200)
    assert school.notes[-1]["what"] == "lesson"


def _let_grow(school: School) -> None:
    """What steps that run away would leave, after an update and before anybody looks."""
    while school.engine.updates == school.teacher._growth._updates:
        school.go_on(1)
    assert isinstance(school.engine, EventsEngine)
    school.engine._layers[1].weight[:] *= 11.0


@pytest.mark.parametrize("ended_by", ["end", "next", "load"])
def test_a_lesson_that_ends_before_its_growth_is_looked_for_makes_no_version(
    school: School, ended_by: str
) -> None:
    """Whatever ends it: it counts as not given."""
    school.lesson("arm roll", 200)
    before = school.weights
    school.teacher.rehearsal.on = False
    school.teacher.begin_lesson("air drums", school.t_us, None)
    _let_grow(school)
    if ended_by == "next":
        school.teacher.begin_lesson("arm roll", school.t_us, None)
    elif ended_by == "load":
        school.teacher.load(1)
    else:
        school.teacher.end_lesson()
    assert school.weights == before
    spoilt = school.notes[-1]
    assert (spoilt["what"], spoilt["lesson"], spoilt["version"]) == ("spoilt", 2, 1)
    assert (school.teacher.status()["lessons"], school.teacher.versions.current) == (1, 1)


def test_a_lesson_to_come_can_be_called_off_when_weights_have_grown(school: School) -> None:
    """It is none, and the growth is taken back when it is looked for."""
    school.lesson("arm roll", 500)
    good = school.weights
    school.teacher.begin_lesson("air drums", school.t_us + 10_000_000, None)
    _let_grow(school)
    school.teacher.end_lesson()
    assert school.teacher.status()["lesson"] is None
    school.go_on(50)
    assert school.weights == good


def test_growth_before_a_lesson_or_a_version_is_not_kept(school: School) -> None:
    """By rehearsal, say: what is gone back to, and what is saved, is what was good."""
    school.lesson("arm roll", 500)
    good = school.weights
    _let_grow(school)
    school.teacher.begin_lesson("air drums", school.t_us, None)
    assert school.weights == good
    school.teacher.undo()
    school.teacher.rehearsal.begin()
    _let_grow(school)
    school.teacher.begin_lesson("air drums", school.t_us + 1000, None)
    school.go_on(2)
    school.teacher.undo()
    assert school.weights == good
    school.teacher.rehearsal.begin()
    _let_grow(school)
    school.teacher.make_version("saved", "named")
    assert school.weights == good


def test_what_was_good_is_gone_back_to_without_its_file(school: School, few_versions: None) -> None:
    """Versions that undo leads to may have been removed, or never have been written."""
    school.lesson("arm roll", 60)
    for _ in range(KEPT_VERSIONS + 5):
        school.lesson("air drums", 60)
    for _ in range(KEPT_VERSIONS + 4):
        school.teacher.undo()
    good = school.weights
    school.go_on(10)
    _spoil(school.engine)
    school.teacher.recover()
    assert school.weights == good
    school.teacher.undo()


def test_a_lesson_that_nobody_ends_ends(school: School, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever held it may be gone; what is kept of it is its end."""
    monkeypatch.setattr(teacher, "LONGEST_HELD_LESSON_S", 9.5)
    school.teacher.change_settings({"rate": 0.0})
    school.teacher.begin_lesson("arm roll", 0, None)
    school.go_on(9_499)
    assert school.teacher.status()["lesson"] is not None
    school.go_on(10)
    assert (school.teacher.status()["lesson"], school.teacher.status()["lessons"]) == (None, 1)
    assert (school.notes[-1]["what"], school.notes[-1]["frames"]) == ("lesson", 9_500)
    kept = [clip.t_us for clip in school.teacher._memory.of("arm roll")]
    assert kept == [4_000_000 + 1_000_000 * number for number in range(6)]


def test_rehearsal_that_makes_weights_infinite_ends(school: School) -> None:
    """The network is what the current version holds."""
    school.lesson("arm roll", 300)
    version = school.weights
    school.go_on(10)
    _spoil(school.engine)
    for _ in range(20_000):
        school.go_on(1)
        if school.notes[-1]["what"] == "spoilt":
            break
    assert school.notes[-1]["what"] == "spoilt"
    assert school.weights == version
    assert not school.teacher.rehearsal.running
