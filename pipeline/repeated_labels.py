"""Labels of a replay that was begun anew: those said before come again, and are checked."""

from __future__ import annotations

import zlib
from array import array

from msgspec.structs import replace

from drivers.errors import InputError
from pipeline.labels import Label, encode_label


class RepeatedLabels:
    """Remembers what was said, four bytes a label."""

    def __init__(self) -> None:
        self._said = array("L")
        self._repeated: int | None = None
        self._source: str | None = None
        """Of the first label: clocks of others may differ."""
        self.first_us: int | None = None
        self.last_us: int | None = None

    @property
    def count(self) -> int:
        """Labels said."""
        return len(self._said)

    @property
    def seen_s(self) -> float:
        """Stream time between the first label and the last of the same source, in seconds."""
        if self.first_us is None or self.last_us is None:
            return 0.0
        return (self.last_us - self.first_us) / 1e6

    def begin_anew(self) -> None:
        """Expect all of them again."""
        self._repeated = 0

    def is_new(self, label: Label) -> bool:
        """Whether the label was not said before.

        Raises `InputError` where another one was said in its place.
        """
        digest = zlib.crc32(encode_label(replace(label, latency_us=0)))
        if self._repeated is not None and self._repeated < len(self._said):
            if self._said[self._repeated] != digest:
                raise InputError(
                    what="replay begun anew",
                    got=f"another label at {label.t_us / 1e6:.3f} s than the first time",
                    allowed="the same labels again",
                    todo="replay it once more; tell us if it happens again",
                )
            self._repeated += 1
            return False
        self._repeated = None
        self._said.append(digest)
        if self._source is None:
            self._source, self.first_us = label.source, label.t_us
        if label.source == self._source:
            self.last_us = label.t_us
        return True
