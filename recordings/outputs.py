"""Files to be written: not over what is read, and not one over the other."""

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


def check_outputs(outputs: Mapping[str, Path | None], inputs: Iterable[Path | None]) -> None:
    """Raise `InputError` where a file to be written is one that is read, or another's as well.

    `outputs` are called as messages call them, by their options; what is None is left out.
    """
    read = [path for path in inputs if path is not None]
    written: dict[str, Path] = {}
    for name, path in outputs.items():
        if path is None:
            continue
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
