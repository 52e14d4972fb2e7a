"""A B C A B C ...: contenders take turns, so that other load on the machine hits all alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Contender(Protocol):
    """One of the things compared."""

    @property
    def name(self) -> str:
        """Short, unique in its table."""

    @property
    def what(self) -> str:
        """What it computes."""

    @property
    def note(self) -> str:
        """What a reader must know to be fair to it."""

    def run_block(self, number: int) -> list[float]:
        """Times in nanoseconds of the pieces of work in block `number` (0 is for warming up)."""


def interleave(contenders: Sequence[Contender], blocks: int) -> dict[str, list[list[float]]]:
    """Times in nanoseconds by name, of `blocks` blocks after one that is thrown away.

    Every contender gets the same block numbers; who goes first changes from block to block.
    """
    times: dict[str, list[list[float]]] = {contender.name: [] for contender in contenders}
    for number in range(blocks + 1):
        first = number % max(1, len(contenders))
        for contender in (*contenders[first:], *contenders[:first]):
            values = contender.run_block(number)
            if number:
                times[contender.name].append(values)
    return times
