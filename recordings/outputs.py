"""Files to be written: not over what is read, not one over the other, and over files only."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from drivers.errors import InputError


def same_file(one: Path, other: Path) -> bool:
    """Whether both paths are one file, through links too, or would be if it were there."""
    try:
        return one.samefile(other)
    except OSError:  # one of the two is not there yet
        return os.path.realpath(one) == os.path.realpath(other)


def place_of_output(what: str, path: Path) -> Path:
    """Where a file of that name is to be put: what a link points to, not the link.

    Raises `InputError` for a folder, a device or a pipe, whose place no file must take; `what` is
    the path as the message calls it.
    """
    place = Path(os.path.realpath(path))
    if place.exists() and not place.is_file():
        raise InputError(
            what=f"{what} {path}",
            got="a folder" if place.is_dir() else "a device or a pipe, not a file",
            allowed="a file that may be replaced, or a name that is not taken",
            todo="choose another path",
        )
    return place


def check_outputs(outputs: Mapping[str, Path | None], inputs: Iterable[Path | None]) -> None:
    """Raise `InputError` where a file to be written is one that is read, or another's as well, or
    where something else than a file is in its place.

    `outputs` are called as messages call them, by their options; what is None is left out.
    """
    read = [path for path in inputs if path is not None]
    written: dict[str, Path] = {}
    for name, path in outputs.items():
        if path is None:
            continue
        place_of_output(name, path)
        taken = [
            f"the file of {other} too" for other, its in written.items() if same_file(path, its)
        ]
        if any(same_file(path, its) for its in read):
            taken.append("a file that is read")
        if taken:
            raise InputError(
                what=f"{name} {path}",
                got=taken[0],
                allowed="a file of its own",
                todo="choose another path",
            )
        written[name] = path


def check_parent(what: str, out: Path) -> None:
    """Raise `InputError` where the folder of a file to be written is not there; `what` as above."""
    if not out.absolute().parent.is_dir():
        raise InputError(
            what=f"{what} {out}",
            got="a folder that does not exist",
            allowed="a file in a folder that exists",
            todo="make the folder first, or choose another path",
        )


def check_new(out: Path) -> None:
    """Raise `InputError` where a file is there already, or no folder for it."""
    check_parent("output file", out)
    if place_of_output("output file", out).exists():
        raise InputError(
            what=f"output file {out}",
            got="a file that is there",
            allowed="a new file",
            todo="choose another path, or take the old file away first",
        )


def check_new_recording(out: Path) -> None:
    """Raise `InputError` unless an AEDAT4 file can be begun there without replacing another.

    What it would be written over may be there only once, and could not be kept until the new one is
    whole: that can be read while it grows.
    """
    if out.suffix.lower() != ".aedat4":
        raise InputError(
            what=f"output file {out}",
            got=f"the ending {out.suffix!r}",
            allowed=".aedat4 (AEDAT4)",
            todo="choose this ending; `wigwag convert` makes AEDAT 3.1 of it",
        )
    check_new(out)
