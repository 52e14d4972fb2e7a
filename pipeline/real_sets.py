"""How sets of real data are named: `PREFIX`, `PREFIX:PLACE`, and either with `:all` behind it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from drivers.errors import InputError
from pipeline.real_data import find

ALL = "all"
"""Behind a name: both parts hold everything, so that it can be judged whole."""


def place_of(name: str, part: str) -> tuple[Path, bool]:
    """Where the data lie, and whether all of them are taken; `name` is what follows the prefix.

    Without a place they are looked for as `part` of the real data: see `real_data.find`.
    """
    before, _, word = name.rpartition(":")
    place = before if word == ALL else name
    return find(Path(place) if place else None, part), word == ALL


def full_name(prefix: str, name: str) -> str:
    """As the user named it."""
    return f"{prefix}:{name}" if name else prefix


def refuse_users(name: str, users: Collection[int] | None) -> None:
    """Raise `InputError` if some are asked for: nobody is named in these sets."""
    if users is not None:
        raise InputError(
            what=f"data set {name}",
            got=f"user {', '.join(map(str, sorted(users)))}",
            allowed="samples of nobody in particular",
            todo="leave out --users",
        )
