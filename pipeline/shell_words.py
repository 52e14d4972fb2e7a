"""Commands that are told to be typed: words as a shell takes them."""

from __future__ import annotations

import shlex
from collections.abc import Iterable


def shell_words(words: Iterable[object]) -> str:
    """A line of these words; what is unprintable (a path may be) is escaped, so that it is one."""
    return " ".join(map(_quoted, map(str, words)))


def _quoted(word: str) -> str:
    return shlex.quote(word) if word.isprintable() else ascii(word)
