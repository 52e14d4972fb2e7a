"""Saying that nothing comes: a wait for another process must not look like a hang."""

from __future__ import annotations

import time

from pipeline.logs import say

SILENCE_S = 5.0
"""A stage that runs sends at least every 100 ms (a source) or second (a brain)."""


class SilenceNotice:
    """One line on standard error for each silence of `SILENCE_S`, and one at its end."""

    def __init__(self, what: str, address: str) -> None:
        """`what` is waited for at `address`, from now on."""
        self._what = what
        self._address = address
        self._heard_any = False
        self._said = False
        self._since_s = time.monotonic()

    def heard(self) -> None:
        """Something came."""
        if self._said:
            say(f"{self._what} again from {self._address}")
        self._heard_any, self._said = True, False
        self._since_s = time.monotonic()

    def look(self) -> None:
        """Nothing came just now; say so if that has lasted."""
        if self._said or time.monotonic() - self._since_s < SILENCE_S:
            return
        self._said = True
        begun = "no longer any" if self._heard_any else "no"
        say(
            f"{begun} {self._what} from {self._address} for {SILENCE_S:.0f} s; "
            "still waiting (Ctrl-C ends)",
            "warning",
        )
