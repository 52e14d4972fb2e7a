"""What was performed and what was recognised, looked up by time while a recording is drawn."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from drivers.errors import InputError, in_words
from drivers.gestures import GESTURE_NAMES
from recordings.labels import GestureInterval, read_label_file


class Recognised(msgspec.Struct, frozen=True, rename={"gesture_class": "class"}):
    """What the brain said from `t_us` on: the fields of a label line that are drawn."""

    t_us: int
    label: str
    gesture_class: int
    """Counted from 1; 0 is "unsure"."""
    confidence: float


@dataclass(frozen=True, slots=True)
class Annotations:
    """Truth and recognition, either of them possibly absent."""

    truth: tuple[GestureInterval, ...] | None = None
    """Sorted by time, without overlap."""
    recognised: tuple[Recognised, ...] | None = None
    """Sorted by time; each holds until the next."""

    def truth_at(self, t_us: int) -> int:
        """The class performed at `t_us`, 0 where there is none."""
        intervals = self.truth or ()
        index = bisect_right(intervals, t_us, key=lambda item: item.t_begin_us) - 1
        if index < 0 or t_us >= intervals[index].t_end_us:
            return 0
        return intervals[index].gesture_class

    def recognised_at(self, t_us: int) -> Recognised | None:
        """The last thing said up to and including `t_us`."""
        said = self.recognised or ()
        index = bisect_right(said, t_us, key=lambda item: item.t_us) - 1
        return said[index] if index >= 0 else None


def gesture_name(gesture_class: int) -> str:
    """The name of a class counted from 1; a class beyond the eleven is named by its number."""
    if 1 <= gesture_class <= len(GESTURE_NAMES):
        return GESTURE_NAMES[gesture_class - 1]
    return f"class {gesture_class}"


def read_annotations(paths: Sequence[Path]) -> Annotations:
    """Read label files (CSV) and label lines (JSON Lines), told apart by content.

    Raises `InputError` for a file that is neither, and for two files of the same kind.
    """
    truth: tuple[GestureInterval, ...] | None = None
    recognised: tuple[Recognised, ...] | None = None
    for path in paths:
        lines = _is_json_lines(path)
        if (recognised if lines else truth) is not None:
            raise InputError(
                what=f"labels {path}",
                got=f"a second file of {'recognised' if lines else 'true'} labels",
                allowed="at most one label file and one file of label lines",
                todo="leave one out",
            )
        if lines:
            recognised = _read_label_lines(path)
        else:
            truth = tuple(read_label_file(path))
    return Annotations(truth, recognised)


def _is_json_lines(path: Path) -> bool:
    """Whether the first character that is not blank opens a JSON object."""
    try:
        with path.open("rb") as file:
            return file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")
    except OSError as error:
        raise InputError(
            what=f"labels {path}",
            got=in_words(error),
            allowed="a label file (CSV) or label lines (JSON Lines)",
            todo="check the path",
        ) from error


def _read_label_lines(path: Path) -> tuple[Recognised, ...]:
    decoder = msgspec.json.Decoder(Recognised)
    kept: list[Recognised] = []
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            # The brain's closing summary stands among its label lines.
            if not line.strip() or line.startswith(b'{"summary":'):
                continue
            try:
                said = decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise InputError(
                    what=f"label lines {path}, line {number}",
                    got=f"{line[:60]!r} ({error})",
                    allowed="a JSON object with t_us, label, class and confidence",
                    todo="give the file that `wigwag replay --output` wrote",
                ) from error
            # A brain speaks up to a thousand times a second; only what would be drawn
            # differently is kept.
            if not kept or _drawn(said) != _drawn(kept[-1]):
                kept.append(said)
    kept.sort(key=lambda said: said.t_us)
    return tuple(kept)


def _drawn(said: Recognised) -> tuple[int, str, int]:
    return said.gesture_class, said.label, round(said.confidence * 100)
