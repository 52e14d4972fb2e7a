"""How a captured step computes: precision, kind of convolution, fused element-wise chains."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch

from models.errors import ModelError

Convolution = Literal["patches", "planes", "channels_last"]
"""`patches`: matrix products over unfolded traces, one stream only. `planes` and `channels_last`:
the library's convolution over traces stored plane by plane, or with the channels together."""


@dataclass(frozen=True, slots=True)
class GraphSettings:
    """Choices that change speed and rounding, never the equations."""

    tf32: bool = False
    """Let matrix products and convolutions round their factors to 10 bits of mantissa (TF32)."""
    fused: bool = False
    """Join chains of element-wise operations by torch.compile; the chains are the same ones."""
    convolution: Convolution | Literal["auto"] = "auto"
    """`auto`: see `convolution_for`."""

    def __post_init__(self) -> None:
        allowed = ("auto", "patches", "planes", "channels_last")
        if self.convolution not in allowed:
            raise ModelError(
                f"graph convolution: got {self.convolution!r}; allowed: {', '.join(allowed)}"
            )

    def convolution_for(self, batch: int) -> Convolution:
        """The kind for `batch` streams; raises `ModelError` for patches of several streams.

        One stream leaves the library's kernels most of a GPU idle: one 128-channel map is a
        handful of tiles. Split matrix products fill it. Tensor cores read channels together.
        """
        if self.convolution == "patches" and batch != 1:
            raise ModelError(
                f"graph convolution: got 'patches' for {batch} streams; "
                "allowed: auto, planes, channels_last"
            )
        if self.convolution != "auto":
            return self.convolution
        if batch == 1:
            return "patches"
        return "channels_last" if self.tf32 else "planes"

    @property
    def precision(self) -> str:
        """In words, for reports."""
        return "TF32" if self.tf32 else "float32"


@contextmanager
def arithmetic(settings: GraphSettings) -> Iterator[None]:
    """What is captured within uses this precision and only deterministic algorithms.

    cuDNN chooses by rule and not by trial (`benchmark`), since two trials may choose differently,
    and two algorithms round differently.
    """
    matmul: Any = torch.backends.cuda.matmul
    cudnn: Any = torch.backends.cudnn
    # torch's newer `fp32_precision` leaves these at odds with it, and reading them then raises.
    places = (
        (matmul, "allow_tf32", settings.tf32),
        (cudnn, "allow_tf32", settings.tf32),
        (cudnn, "deterministic", True),
        (cudnn, "benchmark", False),
    )
    before = [getattr(place, name) for place, name, _ in places]
    try:
        for place, name, value in places:
            setattr(place, name, value)
        yield
    finally:
        for (place, name, _), value in zip(places, before, strict=True):
            setattr(place, name, value)
