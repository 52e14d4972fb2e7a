"""The options of a source as the command line of a child process has them."""

from __future__ import annotations

from pipeline.commands.brain_options import arguments


def filter_arguments(hot_pixels: bool | None, noise_ms: float | None) -> tuple[str, ...]:
    """The options of `wigwag source` that give these filters; those left out stay so."""
    if hot_pixels is None:
        return arguments({"noise-ms": noise_ms})
    return (f"--{'' if hot_pixels else 'no-'}hot-pixels", *arguments({"noise-ms": noise_ms}))
