"""What benchmarks feed on: the simulated sample, frames of a recording, the full checkpoint."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.benchmarks.random_network import write_random_checkpoint
from pipeline.benchmarks.settings import BenchSettings
from pipeline.intake import Intake
from recordings.formats import open_recording
from recordings.labels import read_label_file

SAMPLE = "simulated-session.aedat4"
SAMPLE_LABELS = "simulated-session_labels.csv"
FULL = "full.safetensors"
"""The trained checkpoint of the full-size network, where it is shipped."""


def recording_of(settings: BenchSettings) -> tuple[Path, str]:
    """The recording to use, and what to call it."""
    if settings.recording is not None:
        return settings.recording, settings.recording.name
    return _sample(SAMPLE), f"the simulated sample {SAMPLE}"


def labels_of(settings: BenchSettings) -> Path | None:
    """The label file of that recording, None where it has none."""
    if settings.recording is not None or settings.labels is not None:
        return settings.labels
    return _sample(SAMPLE_LABELS)


def full_network(settings: BenchSettings, folder: Path) -> tuple[Path, str]:
    """The checkpoint to measure with, and what to call it.

    The one asked for, or the shipped one of full size, or else a random one, made in `folder`.
    """
    shipped = Path(str(files("models"))) / "checkpoints" / FULL
    path = settings.checkpoint or (shipped if shipped.is_file() else None)
    if path is not None:
        return path, f"checkpoint {path.name}"
    recording, _ = recording_of(settings)
    # Of every gesture a little: they differ in their events several times over.
    frames = read_frames(recording, labels_of(settings), rows=32, columns=32, count=400)
    path = folder / "random.safetensors"
    return path, write_random_checkpoint(path, frames)


def read_frames(
    recording: Path, labels: Path | None, *, rows: int, columns: int, count: int
) -> npt.NDArray[np.uint8]:
    """About `count` frames, shape (n, 2, rows, columns), 0 and 1, of a recording's gestures.

    The same share of each gesture, from its middle, one after the other; from the whole recording
    where it has no labels. Fewer where there are not so many.
    """
    intake = Intake(columns=columns, rows=rows)
    frames: list[npt.NDArray[np.uint8]] = []
    times_us: list[int] = []
    with open_recording(recording, packet_us=100_000) as packets:
        for packet in packets:
            for t_us, frame in intake.push(packet):
                times_us.append(t_us)
                frames.append(frame.copy())  # the binner may use its array again
    begins = np.array(times_us)
    parts = [np.arange(len(frames))]
    if labels is not None:
        parts = [
            np.flatnonzero((begins >= interval.t_begin_us) & (begins < interval.t_end_us))
            for interval in read_label_file(labels)
        ]
    each = -(-count // len(parts))
    chosen = [part[max(0, len(part) - each) // 2 :][:each] for part in parts]
    return np.stack([frames[number] for number in np.concatenate(chosen)])


def _sample(name: str) -> Path:
    return Path(str(files("recordings"))) / "samples" / name
