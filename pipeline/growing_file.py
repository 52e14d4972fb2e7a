"""A text file that has every line as soon as it is written, whatever ends the process."""

from __future__ import annotations

from contextlib import suppress

from pipeline.atomic_file import AtomicFile


class GrowingFile(AtomicFile):
    """In place from its first line on; until then what was there before stays.

    `commit` syncs it; `discard` drops it only where nothing was written.
    """

    def write(self, data: bytes) -> None:
        """Append whole lines."""
        super().write(data)
        try:
            self._file.flush()
        except OSError as error:
            raise self._failure(error) from error
        self._put_in_place()

    def commit(self) -> None:
        """Sync and close; one without lines is put in place too."""
        self._sync()
        self._put_in_place()

    def discard(self) -> None:
        """Close; what is in place stays."""
        super().discard()
        with suppress(OSError):  # what a full disk did not take
            self._file.close()
