"""The errors of the models room."""

from __future__ import annotations


class ModelError(ValueError):
    """Settings, tensors or a checkpoint cannot be used; the text says what, got, allowed."""


class NotFiniteError(ModelError):
    """Learning has made weights infinite; who keeps an earlier state can go back to it."""


class DeviceError(ModelError):
    """The device that an engine computes on is lost, or has no memory left."""


UNFIT = (TypeError, ValueError, RuntimeError, LookupError, ArithmeticError, AssertionError)
"""What torch raises, here or there, where arguments do not fit what they are for."""


def first_line(error: Exception) -> str:
    """What an error says in its first line, or its kind where it says nothing."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def not_finite() -> NotFiniteError:
    """The error for weights that learning has made infinite."""
    return NotFiniteError(
        "learning: got weights that are not finite; allowed: finite numbers; "
        "go back to the last checkpoint and learn with a smaller rate"
    )
