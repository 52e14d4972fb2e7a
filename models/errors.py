"""The one error of the models room."""

from __future__ import annotations


class ModelError(ValueError):
    """Settings, tensors or a checkpoint cannot be used; the text says what, got, allowed."""


def not_finite() -> ModelError:
    """The error for weights that learning has made infinite."""
    return ModelError(
        "learning: got weights that are not finite; allowed: finite numbers; "
        "go back to the last checkpoint and learn with a smaller rate"
    )
