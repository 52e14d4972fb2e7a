"""What torch says of a device that is lost or full, as one of our errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from models.errors import DeviceError


@contextmanager
def telling_of(device: torch.device | str) -> Iterator[None]:
    """Raise `DeviceError` for what goes wrong on the device meanwhile."""
    try:
        yield
    except (torch.OutOfMemoryError, torch.AcceleratorError) as error:
        said = str(error).strip().partition("\n")[0] or type(error).__name__
        raise DeviceError(
            f"device {device}: got {said}; allowed: one that answers and has memory left; "
            "start again from the latest weights, or with --device cpu"
        ) from error
