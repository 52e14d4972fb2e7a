"""The three lights of the simulated room: how bright, how contrasted, how noisy, how steady."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from drivers.errors import InputError

LightName = Literal["led", "fluorescent", "natural"]
LIGHT_NAMES: tuple[LightName, ...] = get_args(LightName)


@dataclass(frozen=True, slots=True)
class Light:
    """What a light does to the picture and to the pixels."""

    name: LightName
    contrast: float
    """Factor on every log contrast of the scene (stray light and haze flatten it)."""
    shade: float
    """How much darker the far side of a limb is: a lamp from one side shades, a sky less."""
    noise_hz: float
    """Shot noise events per second of a pixel on the background; fewer photons, more noise."""
    bandwidth_hz: float
    """Cut-off of the pixels' photoreceptors, which are slower in the dark."""
    flicker_depth: float
    """Peak to peak change of the natural log of the light."""
    flicker_hz: tuple[float, ...]
    """Twice the mains frequency; which one a scene has is drawn."""

    def flicker_log(self, t_us: npt.NDArray[np.float64], hz: float) -> npt.NDArray[np.float64]:
        """Natural log of the light's brightness at the times `t_us`, around 0."""
        return 0.5 * self.flicker_depth * np.sin(2 * np.pi * hz * 1e-6 * t_us)


LIGHTS: dict[LightName, Light] = {
    "led": Light("led", 0.9, 0.25, 0.17, 250.0, 0.0, ()),
    "fluorescent": Light("fluorescent", 0.8, 0.15, 0.26, 180.0, 0.142, (100.0, 120.0)),
    "natural": Light("natural", 1.0, 0.1, 0.11, 300.0, 0.0, ()),
}


def find_light(name: str) -> Light:
    """The light of that name; raises `InputError` for any other name."""
    for known in LIGHT_NAMES:
        if name == known:
            return LIGHTS[known]
    raise InputError(
        what="light", got=repr(name), allowed=", ".join(LIGHT_NAMES), todo="choose one of these"
    )
