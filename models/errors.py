"""The one error of the models room."""

from __future__ import annotations


class ModelError(ValueError):
    """Settings, tensors or a checkpoint cannot be used; the text says what, got, allowed."""
