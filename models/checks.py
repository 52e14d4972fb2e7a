"""What settings are checked with when they are made."""

from __future__ import annotations

import math
from typing import Any, get_args

from models.errors import ModelError

MOST_SEED = 2**63 - 1
"""That every engine takes, and a settings file can hold."""


def require(condition: bool, what: str, got: object, allowed: str) -> None:
    """Raise `ModelError`, which names what, got and allowed, unless the condition holds."""
    if not condition:
        raise ModelError(f"{what}: got {got!r}; allowed: {allowed}")


def one_of(names: Any, what: str, got: object) -> None:
    """Raise `ModelError` for what is none of a `Literal`'s values."""
    require(got in get_args(names), what, got, ", ".join(get_args(names)))


def is_seed(value: object) -> bool:
    """Whether it is a whole number from 0 to `MOST_SEED`."""
    return isinstance(value, int) and 0 <= value <= MOST_SEED


def finite(value: float) -> bool:
    """Whether it is a number, and neither infinite nor none."""
    return isinstance(value, int | float) and math.isfinite(value)
