"""Time as a test lets it pass: a second with every packet."""

STEP_NS = 1_000_000_000


class PassingTime:
    """In place of the module `time`, where a test is about delays."""

    def __init__(self) -> None:
        self._steady_ns = 7_000_000_000
        self._ahead_ns = 1_700_000_000 * 10**9

    def time_ns(self) -> int:
        """The clock on the wall, which can be set."""
        return self._steady_ns + self._ahead_ns

    def monotonic_ns(self) -> int:
        """The clock that cannot."""
        return self._steady_ns

    def set_by(self, seconds: int) -> None:
        """Set the clock on the wall."""
        self._ahead_ns += seconds * 10**9

    def wait(self, seconds: int) -> None:
        """Let it pass on both."""
        self._steady_ns += seconds * 10**9

    def sent_ns(self, delay_ms: int) -> int:
        """When the next packet was sent, a second after the one before, so long ago."""
        self._steady_ns += STEP_NS
        return self.time_ns() - delay_ms * 1_000_000
