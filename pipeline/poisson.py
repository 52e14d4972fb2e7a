"""Images as Poisson spike trains."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def poisson_frames(
    images: npt.NDArray[np.uint8], steps: int, highest_rate_hz: float, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Spike trains whose rate is the pixel's share of the highest one, a step being 1 ms.

    `images` has shape (B, height, width); frames (steps, B, 1, height, width), 0 or 1.
    """
    chance = (images / 255.0 * highest_rate_hz / 1000.0).astype(np.float32)
    return (rng.random((steps, *images.shape), np.float32) < chance).astype(np.uint8)[:, :, None]
