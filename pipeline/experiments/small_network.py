"""The convolutional layers of the paper's MNIST network, which several experiments use."""

from __future__ import annotations

from models.settings import LayerSettings

SMALL_LAYERS = tuple(
    LayerSettings(channels=channels, pool=pool) for channels, pool in ((16, 2), (24, 2), (32, 1))
)
"""16, 24 and 32 channels, kernels of 7 x 7."""
