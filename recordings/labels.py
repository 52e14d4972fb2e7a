"""Label files in the DvsGesture layout: which gesture is performed from when to when."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from drivers.errors import InputError, in_words

MOST_US = 1 << 62
MOST_CLASSES = 1_000_000
HEADER: tuple[str, str, str] = ("class", "startTime_usec", "endTime_usec")


@dataclass(frozen=True, slots=True, order=True)
class GestureInterval:
    """One performance of one gesture during `[t_begin_us, t_end_us)` of its recording."""

    t_begin_us: int
    t_end_us: int
    gesture_class: int
    """Counted from 1."""
    line: int | None = field(default=None, compare=False)
    """Where a label file has it."""

    def __post_init__(self) -> None:
        if not 1 <= self.gesture_class <= MOST_CLASSES:
            raise InputError(
                what="gesture class",
                got=str(self.gesture_class)[:40],
                allowed=f"1 to {MOST_CLASSES}",
                todo="count classes from 1, as DvsGesture does",
            )
        if not 0 <= self.t_begin_us < self.t_end_us <= MOST_US:
            raise InputError(
                what="gesture interval",
                got=f"[{self.t_begin_us}, {self.t_end_us}) us"[:80],
                allowed=f"0 <= start < end <= {MOST_US}",
                todo="mend the row's two times",
            )


def read_label_file(path: Path) -> list[GestureInterval]:
    """The intervals of a label file, sorted by time.

    Raises `InputError` naming file and line for a wrong header, a row that is not three whole
    numbers, an empty or reversed interval, and two intervals that overlap.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            what=f"label file {path}",
            got=in_words(error),
            allowed="a readable UTF-8 text file",
            todo="check the path",
        ) from error
    try:
        rows = list(csv.reader(text.splitlines()))
    except csv.Error as error:
        raise InputError(
            what=f"label file {path}",
            got=str(error),
            allowed="lines of three whole numbers",
            todo="mend or remove the line",
        ) from error
    if not rows or tuple(cell.strip() for cell in rows[0]) != HEADER:
        raise InputError(
            what=f"label file {path}, line 1",
            got=_shown(rows[0]) if rows else "an empty file",
            allowed=repr(",".join(HEADER)),
            todo="add this header line",
        )
    found: list[GestureInterval] = []
    for line, row in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        try:
            gesture_class, t_begin_us, t_end_us = (int(cell) for cell in row)
            found.append(GestureInterval(t_begin_us, t_end_us, gesture_class, line))
        except ValueError as error:
            raise InputError(
                what=f"label file {path}, line {line}",
                got=_shown(row),
                allowed="class from 1, start, end: whole numbers, start before end",
                todo="mend or remove the line",
            ) from error
    found.sort()
    for before, after in pairwise(found):
        if after.t_begin_us < before.t_end_us:
            raise InputError(
                what=f"label file {path}, lines {before.line} and {after.line}",
                got=f"class {before.gesture_class} until {before.t_end_us} us, and class "
                f"{after.gesture_class} from {after.t_begin_us} us on",
                allowed="one gesture at a time",
                todo="shorten one of the two",
            )
    return found


def refuse_unknown_classes(path: Path, intervals: Iterable[GestureInterval], classes: int) -> None:
    """Raise `InputError` for an interval of the file whose class is above `classes`."""
    for interval in intervals:
        if interval.gesture_class > classes:
            raise InputError(
                what=f"label file {path}, line {interval.line}",
                got=f"class {interval.gesture_class}",
                allowed=f"1 to {classes}, those of the checkpoint",
                todo="mend the line, or take a checkpoint that knows the class",
            )


def _shown(row: Sequence[str]) -> str:
    """The beginning of a line: it may be as long as the file."""
    return repr(",".join(row)[:80])


def write_label_file(path: Path, intervals: Sequence[GestureInterval]) -> None:
    """Write intervals in the DvsGesture layout, sorted by time."""
    rows: Iterable[tuple[int, int, int]] = (
        (item.gesture_class, item.t_begin_us, item.t_end_us) for item in sorted(intervals)
    )
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(rows)
