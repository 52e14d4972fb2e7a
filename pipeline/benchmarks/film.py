"""`wigwag bench film`: ordinary pictures to events, in memory and from a film."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from drivers.events import SensorSize
from drivers.frame_events import FrameEvents, FrameEventSettings, Picture
from drivers.video_camera import VideoCamera
from pipeline.benchmarks.interleaving import Contender, interleave
from pipeline.benchmarks.rows import Table, compared_rows
from pipeline.benchmarks.settings import BenchSettings

SIZE = SensorSize(346, 260)
FRAMES = 200
FRAMES_PER_S = 100.0
SCENES = (("quarter", 4), ("all", 1))
"""What of the picture moves by a pixel a frame: one row of so many, side by side."""


def measure(settings: BenchSettings) -> Iterator[Table]:
    """One table: drawn pictures of two scenes, and a film of the calmer one."""
    cv2.setNumThreads(settings.threads)
    count = max(20, settings.size(FRAMES))
    with tempfile.TemporaryDirectory(prefix="wigwag-bench-") as folder:
        scenes = {name: _pictures(count, rows=rows) for name, rows in SCENES}
        contenders = [_Pictures(name, pictures) for name, pictures in scenes.items()]
        film = Path(folder) / "film.avi"
        _write_film(film, scenes["quarter"])
        everything: list[Contender] = [*contenders, _Film("film", film, count)]
        blocks = interleave(everything, settings.blocks)
    rates = [f"{each.name}: {each.events / count:,.0f} events a frame" for each in contenders]
    yield Table(
        "film",
        compared_rows(
            everything,
            blocks,
            unit="frames/s",
            reference="quarter",
            convert=lambda time_ns: 1e9 / time_ns,
            better="higher",
        ),
        "quarter",
        (f"input: drawn pictures of {SIZE.width}x{SIZE.height}; " + ", ".join(rates),),
    )


@dataclass(slots=True)
class _Pictures:
    """Pictures in memory; a block's one time is that of a frame."""

    name: str
    pictures: Sequence[Picture]
    events: int = 0
    note: str = ""

    @property
    def what(self) -> str:
        """See `Contender`."""
        return f"pictures to events, {self.name} of the picture moving"

    def run_block(self, _number: int) -> list[float]:
        """See `Contender`."""
        pixels = FrameEvents(SIZE, FrameEventSettings())
        pixels.see(self.pictures[0], 0)
        self.events = 0
        begin_ns = time.perf_counter_ns()
        for number, picture in enumerate(self.pictures[1:], start=1):
            self.events += len(pixels.see(picture, round(number * 1e6 / FRAMES_PER_S)))
        return [(time.perf_counter_ns() - begin_ns) / (len(self.pictures) - 1)]


@dataclass(frozen=True, slots=True)
class _Film:
    """A film, decoded, to packets of 1 ms."""

    name: str
    path: Path
    frames: int
    note: str = "motion JPEG"

    @property
    def what(self) -> str:
        """See `Contender`."""
        return "film to packets of 1 ms, decoding included, quarter of the picture moving"

    def run_block(self, _number: int) -> list[float]:
        """See `Contender`."""
        with VideoCamera(self.path) as camera:
            begin_ns = time.perf_counter_ns()
            for _packet in camera:
                pass
            return [(time.perf_counter_ns() - begin_ns) / self.frames]


def _pictures(count: int, *, rows: int) -> list[Picture]:
    """A soft pattern, of which one row in `rows`, in a band, moves to the left."""
    drawn = np.random.default_rng(0).normal(110, 40, (SIZE.height, SIZE.width + count))
    soft = cv2.GaussianBlur(np.clip(drawn, 0, 255).astype(np.uint8), (0, 0), 3)
    pattern = ((soft - soft.min()) * (255.0 / np.ptp(soft))).astype(np.uint8)
    band = slice(0, SIZE.height // rows)
    found = []
    for number in range(count):
        picture = pattern[:, : SIZE.width].copy()
        picture[band] = pattern[band, number : number + SIZE.width]
        found.append(picture)
    return found


def _write_film(path: Path, pictures: Sequence[Picture]) -> None:
    size = (SIZE.width, SIZE.height)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), FRAMES_PER_S, size)
    for picture in pictures:
        writer.write(cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR))
    writer.release()
