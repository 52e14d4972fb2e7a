"""The simulated upper body: from where the wrists are to the shapes that a camera would see."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from drivers.subject import Subject

Floats = npt.NDArray[np.float64]

SHAPE_FIELDS = 9
"""x0, y0, radius0, x1, y1, radius1 (pixels), luminance, fabric contrast, waves of fabric."""

RIGHT, LEFT = 0, 1
"""Index of the performer's arms. The body faces the camera: right is on the picture's left."""

SIDE: Floats = np.array([-1.0, 1.0])
"""Where each arm is along the picture's x axis."""

TRUNK_SHAPES = 6
ARM_SHAPES = 4


def bend_arms(subject: Subject, wrists: Floats, hints: Floats) -> tuple[Floats, Floats, Floats]:
    """Shoulders, elbows and wrists for wanted wrists: two rigid bones per arm.

    Body axes in metres: x to the picture's right, y down, z to the camera; the origin lies
    between the shoulders. `wrists` and `hints` (towards which the elbow points) have shape
    (n, 2, 3); so have the results. A wrist out of reach is pulled back to the arm's length.
    """
    shoulders = np.zeros_like(wrists)
    shoulders[:, :, 0] = SIDE * subject.half_shoulders_m
    upper, lower = subject.upper_arm_m, subject.forearm_m
    line = wrists - shoulders
    length = np.linalg.norm(line, axis=2, keepdims=True)
    along = line / np.maximum(length, 1e-6)
    length = np.clip(length, abs(upper - lower) + 0.03, 0.995 * (upper + lower))
    foot = (upper**2 - lower**2 + length**2) / (2 * length)
    rise = np.sqrt(np.maximum(upper**2 - foot**2, 0.0))
    across = hints - (hints * along).sum(axis=2, keepdims=True) * along
    across /= np.maximum(np.linalg.norm(across, axis=2, keepdims=True), 1e-6)
    elbows = shoulders + along * foot + across * rise
    return shoulders, elbows, shoulders + along * length


def body_shapes(subject: Subject, wrists: Floats, hints: Floats, sway: Floats) -> Floats:
    """Tapered capsules of the whole body, painted in order from the back to the front.

    `sway` (n, 3): shift of the trunk in metres (x, y) and lean of the head in metres (x).
    Result: shape (n, TRUNK_SHAPES + 2 * ARM_SHAPES, SHAPE_FIELDS), pixels.
    """
    count = wrists.shape[0]
    shoulders, elbows, wrist = bend_arms(subject, wrists, hints)
    forearm = wrist - elbows
    forearm /= np.maximum(np.linalg.norm(forearm, axis=2, keepdims=True), 1e-6)
    knuckles = wrist + 0.5 * subject.hand_m * forearm
    tips = wrist + subject.hand_m * forearm

    shapes = np.empty((count, TRUNK_SHAPES + 2 * ARM_SHAPES, SHAPE_FIELDS))
    shapes[:, :TRUNK_SHAPES] = _trunk(subject, sway)
    g = subject.girth
    cuff = elbows + subject.sleeve_reach * (wrist - elbows)
    cuff_radius = 0.042 - 0.012 * subject.sleeve_reach
    parts = np.empty((count, 2, ARM_SHAPES, SHAPE_FIELDS))
    skin, shirt, fabric = subject.skin, subject.shirt, subject.fabric
    place = (subject, sway)
    _put(parts[:, :, 0], *place, shoulders, elbows, 0.055 * g, 0.044 * g, (shirt, fabric, 9.0))
    # The bare part of the forearm lies behind its sleeve, so both may start at the elbow.
    _put(parts[:, :, 1], *place, elbows, wrist, 0.038 * g, 0.027 * g, (skin, 0.06, 4.0))
    sleeve = 0.043 * g if subject.sleeve_reach else 0.0
    end = cuff_radius * g if subject.sleeve_reach else 0.0
    _put(parts[:, :, 2], *place, elbows, cuff, sleeve, end, (shirt, fabric, 9.0))
    _put(parts[:, :, 3], *place, knuckles, tips, 0.046 * g, 0.034 * g, (skin, 0.15, 6.0))
    parts[:, :, 3, 0:2] = 0.5 * (parts[:, :, 3, 0:2] + parts[:, :, 1, 3:5])

    # The arm whose hand is nearer to the camera covers the other one.
    order = np.argsort(wrist[:, :, 2] + 0.5 * elbows[:, :, 2], axis=1, kind="stable")
    parts = np.take_along_axis(parts, order[:, :, None, None], axis=1)
    shapes[:, TRUNK_SHAPES:] = parts.reshape(count, 2 * ARM_SHAPES, SHAPE_FIELDS)
    return shapes


def _project(subject: Subject, sway: Floats, points: Floats) -> tuple[Floats, Floats, Floats]:
    """Picture coordinates and scale (pixels per metre) of points of shape (n, ..., 3)."""
    extra = (slice(None),) + (None,) * (points.ndim - 2)
    scale = subject.pixels_per_m * subject.distance_m / (subject.distance_m - points[..., 2])
    x = subject.centre_x_px + scale * (points[..., 0] + sway[:, 0][extra])
    y = subject.shoulder_y_px + scale * (points[..., 1] + sway[:, 1][extra])
    return x, y, scale


def _put(
    shape: Floats,
    subject: Subject,
    sway: Floats,
    start: Floats,
    end: Floats,
    radius_start_m: float,
    radius_end_m: float,
    look: tuple[float, float, float],
) -> None:
    """Fill one capsule per time (and arm): where it is and what it looks like."""
    x0, y0, scale0 = _project(subject, sway, start)
    x1, y1, scale1 = _project(subject, sway, end)
    shape[..., 0], shape[..., 1], shape[..., 2] = x0, y0, scale0 * radius_start_m
    shape[..., 3], shape[..., 4], shape[..., 5] = x1, y1, scale1 * radius_end_m
    shape[..., 6:9] = look


def _trunk(subject: Subject, sway: Floats) -> Floats:
    """Trunk, shoulders, neck, head, hair and face of shape (n, TRUNK_SHAPES, SHAPE_FIELDS)."""
    g, half = subject.girth, subject.half_shoulders_m
    shapes = np.empty((sway.shape[0], TRUNK_SHAPES, SHAPE_FIELDS))
    cloth = (subject.shirt, subject.fabric, 6.0)
    skin = (subject.skin, 0.0, 1.0)
    hair = (subject.hair, 0.2, 5.0)
    rows = (
        ((0.0, 0.13, 0.0), (0.0, 0.8, 0.0), 0.85 * half * g, 0.8 * half * g, cloth, 0.0),
        ((-0.8 * half, 0.05, 0.0), (0.8 * half, 0.05, 0.0), 0.07 * g, 0.07 * g, cloth, 0.0),
        ((0.0, 0.0, 0.0), (0.0, -0.1, 0.0), 0.055 * g, 0.05 * g, skin, 0.5),
        ((0.0, -0.2, 0.0), (0.0, -0.26, 0.0), 0.095, 0.1, hair, 1.0),
        ((0.0, -0.15, 0.0), (0.0, -0.22, 0.0), 0.07, 0.08, skin, 1.0),
        ((-0.035, -0.21, 0.0), (0.035, -0.21, 0.0), 0.012, 0.012, hair, 1.0),
    )
    for number, (start, end, radius0, radius1, look, lean) in enumerate(rows):
        shift = np.zeros_like(sway)
        shift[:, 0] = lean * sway[:, 2]
        _put(shapes[:, number], subject, sway, shift + start, shift + end, radius0, radius1, look)
    return shapes
