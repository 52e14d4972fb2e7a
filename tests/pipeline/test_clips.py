from pathlib import Path

import numpy as np
import pytest

from drivers.errors import InputError
from pipeline.background import BackgroundWriter
from pipeline.clips import LESSON_CLIPS, Clip, ClipMemory, cut_clips, pack_frame, read_clips
from pipeline.given_clips import read_given_clips


def _frames(count: int, seed: int = 0) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [(random.random((2, 16, 16)) < 0.05).astype(np.uint8) for _ in range(count)]


def test_a_lesson_becomes_clips_of_a_second_at_most() -> None:
    """2.3 s give three clips, 2.1 s two: the rest would be too short."""
    frames = _frames(2300)
    packed = [pack_frame(frame) for frame in frames]
    clips = cut_clips("wink", 5000, packed, 1)
    assert [(clip.t_us, len(clip.bits)) for clip in clips] == [
        (5000, 1000), (1_005_000, 1000), (2_005_000, 300),
    ]  # fmt: skip
    assert len(cut_clips("wink", 0, packed[:2100], 1)) == 2
    assert (clips[1].frame(7, (2, 16, 16)) == frames[1007]).all()


def test_memory_is_bounded_on_disk_too_and_forgets_a_lesson(tmp_path: Path) -> None:
    """The newest clips of a class stay; what was brought along does."""
    packed = [pack_frame(frame) for frame in _frames(200)]
    given = [Clip("clap", 0, np.stack(packed))]
    with BackgroundWriter() as writer:
        memory = ClipMemory(tmp_path, writer, given)
        for lesson in range(1, LESSON_CLIPS + 4):
            memory.add(cut_clips("clap", lesson * 1_000_000, packed, lesson))
        memory.add(cut_clips("wink", 99_000_000, packed, 99))
        assert [clip.lesson for clip in memory.of("clap")] == [0, *range(4, LESSON_CLIPS + 4)]
        memory.forget_lesson(99)
        assert memory.classes == ("clap",)
        writer.wait()
        writer.check()
    assert len(list(tmp_path.glob("lesson-*.npz"))) == LESSON_CLIPS
    kept = read_clips(tmp_path / "given.npz")[0]
    assert (kept.class_name, kept.lesson) == ("clap", 0)
    assert (kept.bits == given[0].bits).all()
    again = read_given_clips(tmp_path, ("clap", "wink"), columns=16, rows=16)
    assert len(again) == LESSON_CLIPS + 1


def test_clips_are_cut_from_labelled_recordings(simulated_set: Path) -> None:
    """The first second of each gesture, by class; a folder without any is refused."""
    names = tuple(f"c{number}" for number in range(1, 12))
    clips = read_given_clips(simulated_set, names, columns=32, rows=32)
    assert {clip.class_name for clip in clips} == {"c2", "c8"}
    assert all(250 <= len(clip.bits) <= 350 for clip in clips)
    assert all(clip.bits.any() for clip in clips)
    for path, got in (
        ("SIMULATED.txt", "a file that is none"),
        ("nosuch", "a path that does not exist"),
    ):
        with pytest.raises(InputError, match=f"{path}: got {got}"):
            read_given_clips(simulated_set / path, names, columns=32, rows=32)


def test_a_file_that_is_no_clips_is_refused(tmp_path: Path) -> None:
    """Rubbish, and an archive without frames."""
    (tmp_path / "rubbish.npz").write_bytes(b"rubbish")
    np.savez(tmp_path / "other.npz", bits=np.zeros((3, 4), np.uint8))
    for name in ("rubbish.npz", "other.npz", "missing.npz"):
        with pytest.raises(InputError, match="clips"):
            read_clips(tmp_path / name)
