"""Weights of now in one file, for whoever takes the place of a brain that was killed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from models.checkpoint_file import read_checkpoint
from models.teaching import teaching_of
from pipeline.latest_weights import EVERY_NS, LatestWeights
from tests.pipeline.school import School, open_school


@pytest.fixture
def school(tiny_checkpoint: Path, tmp_path: Path) -> Iterator[School]:
    """A school with the tiny network, that rehearses nothing."""
    with open_school(tiny_checkpoint, tmp_path) as school:
        school.teacher.rehearsal.on = False
        yield school


def test_they_are_kept_when_a_lesson_ends_and_now_and_then(school: School, tmp_path: Path) -> None:
    """Whoever gave a lesson was told that it is learnt: it does not wait for its five seconds."""
    path = tmp_path / "latest.safetensors"
    engine, versions = school.engine, school.teacher.versions
    latest = LatestWeights(path, engine, teaching_of(engine), versions, school.writer)
    now_ns = 0

    def kept() -> str | None:
        latest.look(now_ns)
        school.writer.wait()
        return read_checkpoint(path).version if path.exists() else None

    assert kept() is None
    for name in ("arm roll", "air drums"):
        school.lesson(name, 300)
        assert kept() == school.weights
    school.teacher.begin_lesson("arm roll", school.t_us, None)
    before = school.weights
    school.go_on(200)
    assert kept() == before != school.weights
    now_ns += EVERY_NS
    assert kept() == school.weights
