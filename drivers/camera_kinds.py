"""The kinds of cameras that come with wigwag, as entry points name them in pyproject.toml."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from drivers.cameras import number

if TYPE_CHECKING:
    from drivers.endless_simulation import EndlessSimulation
    from drivers.video_camera import VideoCamera

# Each kind imports what it needs itself: a simulated person starts without OpenCV.


def open_simulated(
    user: str = "30", light: str = "led", seconds: str = "3", seed: str = "0"
) -> EndlessSimulation:
    """A simulated person who performs all gestures, `seconds` each, again and again."""
    from drivers.endless_simulation import EndlessSimulation

    return EndlessSimulation(
        user=int(number("camera simulated, user", user, 1, 10_000)),
        light=light,
        seconds=number("camera simulated, seconds", seconds, 0.5, 60),
        seed=int(number("camera simulated, seed", seed, 0, 2**31)),
    )


def open_webcam(device: str = "0") -> VideoCamera:
    """The webcam with this number, turned into events."""
    from drivers.video_camera import VideoCamera

    return VideoCamera(int(number("camera webcam, device", device, 0, 99)))


def open_film(path: str = "") -> VideoCamera:
    """A film, turned into events."""
    from drivers.video_camera import VideoCamera

    return VideoCamera(Path(path))
