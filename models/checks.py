"""What settings are checked with when they are made."""

from __future__ import annotations

import math
from typing import Any, get_args

from models.errors import ModelError


def require(condition: bool, what: str, got: object, allowed: str) -> None:
    """Raise `ModelError`, which names what, got and allowed, unless the condition holds."""
    if not condition:
        raise ModelError(f"{what}: got {got!r}; allowed: {allowed}")


def one_of(names: Any, what: str, got: object) -> None:
    """Raise `ModelError` for what is none of a `Literal`'s values."""
    require(got in get_args(names), what, got, ", ".join(get_args(names)))


def finite(value: float) -> bool:
    """Whether it is a number, and neither infinite nor none."""
    return isinstance(value, int | float) and math.isfinite(value)
