from pathlib import Path

import pytest

from drivers.errors import InputError
from recordings.labels import (
    GestureInterval,
    read_label_file,
    refuse_unknown_classes,
    write_label_file,
)

HEADER = "class,startTime_usec,endTime_usec\n"


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Sorted by time, whatever the order it was given in."""
    later, sooner = GestureInterval(500, 900, 2), GestureInterval(0, 500, 11)
    write_label_file(tmp_path / "labels.csv", [later, sooner])
    assert read_label_file(tmp_path / "labels.csv") == [sooner, later]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "line 1: got an empty file"),
        ("a" * 50_000 + ",b\n", "line 1"),
        (HEADER + "1,2,3\n" + "4," * 20_000 + "\n", "line 3"),
        (HEADER + f"{'9' * 4000},2,3\n", "line 2"),
        (HEADER + f"1,2,{'9' * 4000}\n", "line 2"),
        (HEADER + "1,5,5\n", "line 2"),
        (HEADER + "1,0,10\n2,9,12\n", "one gesture at a time"),
        (HEADER + '"' + "9" * 140_000 + '",2,3\n', "field larger than field limit"),
        (HEADER + "1,2\n", "line 2"),
    ],
)
def test_a_line_that_is_none_is_one_short_error(tmp_path: Path, content: str, said: str) -> None:
    """It names file and line, and quotes no more than its beginning."""
    path = tmp_path / "labels.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=said) as caught:
        read_label_file(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_class_that_is_not_known_is_named_by_its_line(tmp_path: Path) -> None:
    """Where it stands in the file, whenever it is."""
    path = tmp_path / "labels.csv"
    path.write_text(HEADER + "12,2000,3000\n11,0,10\n")
    intervals = read_label_file(path)
    refuse_unknown_classes(path, intervals, 12)
    said = r"labels\.csv, line 2: got class 12; allowed: 1 to 11, "
    with pytest.raises(InputError, match=said):
        refuse_unknown_classes(path, intervals, 11)


def test_gestures_that_overlap_are_named_by_their_lines(tmp_path: Path) -> None:
    """Sorted or not, with an empty line between them."""
    path = tmp_path / "labels.csv"
    path.write_text(
        "class,startTime_usec,endTime_usec\n2,100,900\n\n8,2000,3000\n1,0,101\n", encoding="utf-8"
    )
    with pytest.raises(
        InputError, match=r"lines 5 and 2: got class 1 until 101 us, and class 2 from 100 us on"
    ):
        read_label_file(path)
