"""Users of a set, as they are written on the command line."""

from __future__ import annotations

import re
from collections.abc import Iterable

from drivers.errors import InputError


def parse_user_range(text: str) -> list[int]:
    """User numbers, sorted, from text like `24-29`, `3` or `1-5,9`.

    Raises `InputError` for anything else, for numbers below 1 and for a reversed range.
    """
    users: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        numbers = [first.strip(), (last if dash else first).strip()]
        if not all(re.fullmatch("[0-9]{1,5}", number) for number in numbers):
            raise _bad_users(text)
        begin, end = int(numbers[0]), int(numbers[1])
        if not 1 <= begin <= end:
            raise _bad_users(text)
        users.update(range(begin, end + 1))
    return sorted(users)


def user_range_text(users: Iterable[int]) -> str:
    """What `parse_user_range` reads back: `1-3,7` for 1, 2, 3 and 7; `none` for none."""
    runs: list[list[int]] = []
    for number in sorted(users):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in runs) or "none"


def _bad_users(text: str) -> InputError:
    return InputError(
        what="users",
        got=repr(text),
        allowed="numbers from 1 and ranges, such as 24-29 or 1-5,9",
        todo="write the smaller number first",
    )
