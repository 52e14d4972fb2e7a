"""Which of a source's filters are on; told on the bus with the packet from which on they are."""

from __future__ import annotations

from dataclasses import dataclass

from drivers.errors import InputError

USUAL_NOISE_MS = 10.0


@dataclass(frozen=True, slots=True)
class FilterSettings:
    """Which filters are on."""

    hot_pixels: bool = False
    """Watch the pixels during the stream's first second, then leave out the hot ones."""
    noise_ms: float | None = None
    """Time of the background-activity filter; None is off."""

    def __post_init__(self) -> None:
        if self.noise_ms is not None:
            check_noise_ms(self.noise_ms)


def check_noise_ms(noise_ms: float) -> float:
    """A time of the filter as it is; raises `InputError` outside 0.1 to 1000 ms."""
    if not 0.1 <= noise_ms <= 1000:
        raise InputError(
            what="time of the noise filter",
            got=f"{noise_ms!r:.40} ms",  # a whole number may be too large for a float
            allowed="0.1 to 1000 ms",
            todo=f"{USUAL_NOISE_MS:g} is usual",
        )
    return noise_ms
