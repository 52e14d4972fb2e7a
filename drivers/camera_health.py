"""How a camera is doing: what it lost, how often it went away, and what its user should hear."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field


@dataclass(slots=True)
class CameraHealth:
    """Kept by a camera under the attribute `health`, read by whoever runs it."""

    losses_of_unknown_size: int = 0
    """Times at which the camera or its library lost events without saying how many."""
    events_held: int = 0
    """Events that came after their time had been vouched for, given the time of the packet."""
    times_away: int = 0
    """Times at which the camera went away while it ran."""
    away_us: int = 0
    """Time without a camera; nothing was seen in it."""
    notices: deque[str] = field(default_factory=lambda: deque(maxlen=100))
    """What has not been said yet, oldest first; whoever says it takes it out."""

    def take_over(self, other: CameraHealth) -> None:
        """Add what another one counted, and take its notices; it begins anew."""
        self.losses_of_unknown_size += other.losses_of_unknown_size
        self.events_held += other.events_held
        self.times_away += other.times_away
        self.away_us += other.away_us
        self.notices.extend(other.notices)
        other.losses_of_unknown_size = other.events_held = 0
        other.times_away = other.away_us = 0
        other.notices.clear()
