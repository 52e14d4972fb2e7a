"""Parcel: several arrays in one buffer, with a pinned twin on the host, moved by one copy."""

from __future__ import annotations

import math

import torch
from torch import Tensor

ALIGNMENT = 16


class Parcel:
    """Arrays given as name, shape and type; `device[name]` and `host[name]` view the twins."""

    def __init__(self, device: torch.device, **arrays: tuple[tuple[int, ...], torch.dtype]) -> None:
        ends, end = {}, 0
        for name, (shape, dtype) in arrays.items():
            size = math.prod(shape) * dtype.itemsize
            ends[name] = (end, end + size)
            end = math.ceil((end + size) / ALIGNMENT) * ALIGNMENT
        self._device = torch.zeros(end, dtype=torch.uint8, device=device)
        self._host = torch.zeros(end, dtype=torch.uint8, pin_memory=device.type == "cuda")

        def views(buffer: Tensor) -> dict[str, Tensor]:
            return {
                name: buffer[slice(*ends[name])].view(dtype).view(shape)
                for name, (shape, dtype) in arrays.items()
            }

        self.device = views(self._device)
        self.host = views(self._host)

    def upload(self) -> None:
        """Queue the copy from host to device."""
        self._device.copy_(self._host, non_blocking=True)

    def download(self) -> None:
        """Queue the copy from device to host."""
        self._host.copy_(self._device, non_blocking=True)
