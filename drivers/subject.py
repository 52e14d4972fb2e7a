"""The simulated person: build, place, clothing and habits of one seeded user."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drivers.errors import InputError


@dataclass(frozen=True, slots=True)
class Subject:
    """One simulated user. Lengths in metres, luminances relative to white (0 to 1)."""

    user: int
    pixels_per_m: float
    """Scale of the picture at the depth of the trunk."""
    distance_m: float
    """From the camera to the trunk; sets how much nearer hands look larger."""
    centre_x_px: float
    shoulder_y_px: float
    half_shoulders_m: float
    upper_arm_m: float
    forearm_m: float
    hand_m: float
    girth: float
    """Thickness of trunk and limbs, 1 for the average."""
    skin: float
    shirt: float
    hair: float
    sleeve_reach: float
    """Share of the forearm that the sleeve covers, 0 (short) to 1 (long)."""
    fabric: float
    """Contrast of folds and pattern on the clothes."""
    background: float
    background_texture: float
    tempo: float
    """Factor on the speed of every gesture."""
    vigour: float
    """Factor on the amplitude of every gesture."""
    irregularity: float
    """0 is a machine; 1 wanders visibly in speed and amplitude."""
    sway_m: float
    elbow_out: float
    """How far the elbows point outwards instead of down."""
    plane_tilt_rad: float
    """Turn of the plane in which the arms move, about the vertical."""
    left_handed: bool


def draw_subject(user: int, seed: int) -> Subject:
    """The person who is user number `user` (from 1) in the world of `seed`; always the same one.

    Raises `InputError` for a user below 1 or a negative seed.
    """
    if user < 1:
        raise InputError(
            what="simulated user", got=str(user), allowed="1 or more", todo="count users from 1"
        )
    if seed < 0:
        raise InputError(
            what="seed", got=str(seed), allowed="0 or more", todo="use a whole number from 0"
        )
    rng = np.random.default_rng([seed, user, 0])
    height = rng.normal(1.0, 0.06)
    background = float(rng.uniform(0.2, 0.7))
    skin = float(rng.uniform(0.25, 0.7))
    return Subject(
        user=user,
        pixels_per_m=float(rng.uniform(82.0, 108.0)),
        distance_m=float(rng.uniform(1.4, 2.2)),
        centre_x_px=float(rng.normal(63.5, 3.0)),
        shoulder_y_px=float(rng.uniform(46.0, 58.0)),
        half_shoulders_m=float(0.19 * height * rng.normal(1.0, 0.06)),
        upper_arm_m=float(0.29 * height * rng.normal(1.0, 0.03)),
        forearm_m=float(0.26 * height * rng.normal(1.0, 0.03)),
        hand_m=float(0.17 * height * rng.normal(1.0, 0.08)),
        girth=float(rng.uniform(0.85, 1.25)),
        skin=_apart(skin, background, 0.5),
        shirt=_apart(float(np.exp(rng.uniform(np.log(0.06), np.log(0.9)))), background, 0.5),
        hair=float(rng.uniform(0.05, 0.4)),
        sleeve_reach=float(rng.choice([0.0, 0.0, 0.5, 1.0, 1.0])),
        fabric=float(rng.uniform(0.05, 0.3)),
        background=background,
        background_texture=float(rng.uniform(0.05, 0.25)),
        tempo=float(np.exp(rng.normal(0.0, 0.14))),
        vigour=float(np.exp(rng.normal(0.0, 0.12))),
        irregularity=float(rng.uniform(0.2, 1.0)),
        sway_m=float(rng.uniform(0.002, 0.012)),
        elbow_out=float(rng.uniform(0.15, 0.9)),
        plane_tilt_rad=float(rng.normal(0.0, 0.2)),
        left_handed=bool(rng.random() < 0.1),
    )


def _apart(luminance: float, other: float, log_gap: float) -> float:
    """Move a luminance to at least `log_gap` (natural log) from another: one would be unseen."""
    gap = float(np.log(luminance / other))
    if abs(gap) >= log_gap:
        return luminance
    away = log_gap if gap >= 0 and other * np.exp(log_gap) < 1 else -log_gap
    return float(other * np.exp(away))
