"""The log of a training run: a line of CSV for every minibatch."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from drivers.closing import Closing
from pipeline.atomic_file import write_atomically
from pipeline.training_progress import TrainingProgress


def columns(layers: int) -> list[str]:
    """Names of the columns; layers are counted from the lowest, 1."""
    each = [
        f"{what}_{number}"
        for what in ("loss", "accuracy", "firing_rate")
        for number in range(1, layers + 1)
    ]
    return ["minibatch", "elapsed_s", "waiting_s", "rate", *each]


def read_log(path: Path) -> dict[str, list[float]]:
    """A log by column."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: [float(row[name]) for row in rows] for name in (rows[0] if rows else ())}


class TrainingLog(Closing):
    """Appends to a log; every line is written at once."""

    def __init__(self, path: Path, *, layers: int, done: int) -> None:
        """Go on after `done` minibatches: later lines, of a run that was cut short, are dropped."""
        lines = [columns(layers)]
        if done and path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                lines += list(csv.reader(file))[1 : done + 1]
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(lines)
        write_atomically(path, text.getvalue().encode())
        self._file = path.open("a", newline="", encoding="utf-8")
        self._writer = csv.writer(self._file, lineterminator="\n")

    def add(self, progress: TrainingProgress) -> None:
        """See `ProgressSink.add`."""
        result = progress.result
        figures = [*result.loss, *result.accuracy, *result.firing_rate]
        times = [f"{value:.3f}" for value in (progress.elapsed_s, progress.waiting_s)]
        shown = [f"{value:.6g}" for value in (progress.rate, *figures)]
        self._writer.writerow([progress.minibatch, *times, *shown])
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
