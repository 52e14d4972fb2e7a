"""The options of a source as the command line of a child process has them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from drivers.errors import InputError
from pipeline.commands.brain_options import arguments
from recordings.endings import is_called_recording


def camera_names(cameras: Sequence[str]) -> list[str | None]:
    """Names on the bus: what each says of itself where there is one, else told apart by number.

    `simulated:user=31` and a film `wave.mp4` are `simulated-1` and `wave-2`.
    """
    if len(cameras) == 1:
        return [None]
    kinds = [Path(camera.partition(":")[0]).stem for camera in cameras]
    return [f"{kind}-{number}" for number, kind in enumerate(kinds, start=1)]


def is_recording(camera: str) -> bool:
    """Whether this is the path of a recording, and not a kind of camera or a film."""
    return is_called_recording(Path(camera))


def refuse_recording(camera: str, todo: str) -> None:
    """Raise `InputError` for a recording where a camera belongs."""
    if is_recording(camera):
        raise InputError(
            what=f"--camera {camera}", got="a recording", allowed="a camera, or a film", todo=todo
        )


def films(cameras: Sequence[str]) -> list[Path]:
    """Where the films among them lie; of other kinds, paths where nothing is."""
    return [Path(camera.removeprefix("film:path=")) for camera in cameras]


def filter_arguments(hot_pixels: bool | None, noise_ms: float | None) -> tuple[str, ...]:
    """The options of `wigwag source` that give these filters; those left out stay so."""
    if hot_pixels is None:
        return arguments({"noise-ms": noise_ms})
    return (f"--{'' if hot_pixels else 'no-'}hot-pixels", *arguments({"noise-ms": noise_ms}))
