"""Analytic rendering: tapered capsules with soft edges over a still background."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]


def draw_background(
    width: int, height: int, luminance: float, contrast: float, rng: np.random.Generator
) -> Floats:
    """A wall with soft patches and a few upright edges (shelf, door); shape (height, width).

    `contrast` is the standard deviation of the natural log of the luminance, roughly.
    """
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    log = np.zeros((height, width))
    for _ in range(6):
        kx, ky = rng.uniform(-0.12, 0.12, size=2)
        log += contrast * 0.5 * np.sin(kx * x + ky * y + rng.uniform(0, 2 * np.pi))
    for edge in rng.uniform(0, width, size=3):
        log += contrast * rng.uniform(-1, 1) / (1 + np.exp(-(x - edge) / 0.8))
    return np.asarray(luminance * np.exp(log))


@njit(cache=True)  # type: ignore[untyped-decorator]  # numba ships no types
def paint(shapes: Floats, background: Floats, shade: float, canvas: Floats) -> None:
    """Paint capsules (shape (n, 9), see `drivers.body`) over the background into `canvas`.

    A tapered capsule is where the distance to its axis is below its radius; its edge is 1.4
    pixels wide, the blur of a simple lens. `shade` darkens the side away from the light (from
    above left), which gives round limbs edges of their own.
    """
    height, width = canvas.shape
    for row in range(height):
        for column in range(width):
            canvas[row, column] = background[row, column]
    for number in range(shapes.shape[0]):
        x0, y0, radius0 = shapes[number, 0], shapes[number, 1], shapes[number, 2]
        x1, y1, radius1 = shapes[number, 3], shapes[number, 4], shapes[number, 5]
        luminance, fabric, waves = shapes[number, 6], shapes[number, 7], shapes[number, 8]
        largest = max(radius0, radius1)
        if largest <= 0.0:
            continue
        dx, dy = x1 - x0, y1 - y0
        squared = dx * dx + dy * dy + 1e-9
        inverse = 1.0 / squared
        first_row = max(0, math.floor(min(y0, y1) - largest - 1.0))
        last_row = min(height - 1, math.ceil(max(y0, y1) + largest + 1.0))
        left = max(0, math.floor(min(x0, x1) - largest - 1.0))
        right = min(width - 1, math.ceil(max(x0, x1) + largest + 1.0))
        for row in range(first_row, last_row + 1):
            for column in range(left, right + 1):
                px, py = column - x0, row - y0
                along = min(1.0, max(0.0, (px * dx + py * dy) * inverse))
                ex, ey = px - along * dx, py - along * dy
                radius = radius0 + along * (radius1 - radius0)
                reach = radius + 0.7
                distance2 = ex * ex + ey * ey
                if distance2 >= reach * reach:
                    continue
                core = max(0.0, radius - 0.7)
                cover = 1.0
                if distance2 > core * core:
                    cover = min(1.0, (reach - math.sqrt(distance2)) / 1.4)
                rounding = 1.0 / (radius + 1.0)
                wave = along * waves + 0.35 * ex * rounding
                fold = 4.0 * abs(wave - math.floor(wave + 0.5)) - 1.0
                colour = luminance * (1.0 - shade * (ex + ey) * rounding) * (1.0 + fabric * fold)
                canvas[row, column] += cover * (colour - canvas[row, column])


@njit(cache=True)  # type: ignore[untyped-decorator]  # as above
def take_log(canvas: Floats, before: Floats, log: Floats) -> None:
    """Renew the natural log of the pixels whose luminance changed; `before` becomes `canvas`."""
    flat, old, out = canvas.ravel(), before.ravel(), log.ravel()
    for pixel in range(flat.size):
        if flat[pixel] != old[pixel]:
            old[pixel] = flat[pixel]
            # Single precision is 1e-7 of a threshold, and twice as fast.
            out[pixel] = math.log(np.float32(max(flat[pixel], 1e-3)))
