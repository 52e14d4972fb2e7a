"""What a folder in the DvsGesture layout holds, set against what was published."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from drivers.gestures import GESTURE_NAMES
from recordings.dvsgesture import GestureSet, SetRecording, Split
from recordings.user_range import user_range_text


@dataclass(frozen=True, slots=True)
class PublishedPart:
    """One part of the data set as it is distributed: raw recordings, lists and label files."""

    recordings: int
    users: tuple[int, int]
    """First and last."""
    trials: int
    """Label rows."""


PUBLISHED: dict[Split, PublishedPart] = {
    "train": PublishedPart(98, (1, 23), 1176),
    "test": PublishedPart(24, (24, 29), 288),
}
"""122 recordings; most have `ROWS` label rows. The paper tests on these 288."""
ROWS = 12
"""Every gesture once, but the arm roll twice."""
ARM_ROLL = 8


def report_lines(found: GestureSet) -> list[str]:
    """What was found, a line per part, then a line for everything that is not as published."""
    lines = [_part_line(found, part) for part in PUBLISHED]
    lines += [line for item in found.recordings if (line := _rows_line(item))]
    both = {item.user for item in found.of("train")} & {item.user for item in found.of("test")}
    if both:
        lines.append(
            f"users to train and to test: {user_range_text(both)}; the test is not independent"
        )
    listed = {item.path.name for item in found.recordings}
    others = sorted(path.name for path in found.folder.glob("*.aedat") if path.name not in listed)
    if others:
        lines.append(f"recordings on neither list, left out: {', '.join(others)}")
    return lines


def _part_line(found: GestureSet, part: Split) -> str:
    recordings = found.of(part)
    published = PUBLISHED[part]
    users = {item.user for item in recordings}
    trials = sum(len(item.intervals) for item in recordings)
    line = f"to {part}: {len(recordings)} recordings of users {user_range_text(users)}, "
    line += f"{trials:,} gestures"
    first, last = published.users
    same = (len(recordings), trials) == (published.recordings, published.trials)
    if same and users == set(range(first, last + 1)):
        return f"{line}: as published"
    return (
        f"{line}; published: {published.recordings} recordings of users {first}-{last}, "
        f"{published.trials:,} gestures"
    )


def _rows_line(recording: SetRecording) -> str | None:
    """What the labels of a recording have too few or too many of, against the usual `ROWS`."""
    counts = Counter(interval.gesture_class for interval in recording.intervals)
    usual = {number: 2 if number == ARM_ROLL else 1 for number in range(1, len(GESTURE_NAMES) + 1)}
    different = [
        f"{counts[number]} of {GESTURE_NAMES[number - 1]} instead of {wanted}"
        for number, wanted in usual.items()
        if counts[number] != wanted
    ]
    if not different:
        return None
    rows = len(recording.intervals)
    return f"{recording.path.name}: {rows} gestures, usual are {ROWS}: {', '.join(different)}"
