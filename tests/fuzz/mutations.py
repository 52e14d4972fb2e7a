"""Small, random changes to bytes, numbers and plain values: what a fuzzer does to its seeds.

Everything draws from the `random.Random` it is given, so a case is fixed by the number that
seeded it, and hypothesis can put its own in.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

HEAD_BYTES = 512
"""Half of all changes fall into the first bytes, where headers and sizes are."""
MAX_BYTES = 1 << 17
"""Longer than any seed: what is inserted again and again stops here."""

_EDGES = (0, 1, 2, 7, 8, 127, 128, 255, 256, 32_767, 32_768, 65_535, 65_536)
_LARGE = ((1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32, 1 << 40, (1 << 63) - 1, (1 << 64) - 1)
NUMBERS = (*_EDGES, *_LARGE)
"""Where sizes, times and counters go wrong."""
_WORDS: tuple[Any, ...] = (None, True, False, "", "x" * 300, "../../etc/passwd", "\0", "é", [], {})
_FLOATS: tuple[float, ...] = (0.5, -1.5, 1e300, float("inf"), float("nan"))


def mutate(seed: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """The seed with one to eight changes; `others` lend pieces."""
    data = bytearray(seed)
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 5, 8))):
        _change(data, others, random)
    return bytes(data[:MAX_BYTES])


def mutate_number(value: int, random: Random) -> int:
    """Another whole number: an edge, a neighbour or anything."""
    kind = random.randrange(5)
    if kind == 0:
        return value + random.choice((-1, 1))
    if kind == 1:
        return -random.choice(NUMBERS)
    if kind == 2:
        return value ^ (1 << random.randrange(64))
    return random.choice(NUMBERS)


def mutate_value(value: Any, random: Random) -> Any:
    """A plain value (as of JSON or TOML) with one change somewhere inside, or replaced."""
    if random.randrange(8) == 0:
        return random.choice((*_WORDS, *_FLOATS, *NUMBERS))
    if isinstance(value, dict) and value:
        changed = dict(value)
        key = random.choice(list(changed))
        kind = random.randrange(8)
        if kind == 0:
            del changed[key]
        elif kind == 1:
            changed[f"{key}_"] = changed[key]
        else:
            changed[key] = mutate_value(changed[key], random)
        return changed
    if isinstance(value, list) and value:
        items = list(value)
        at = random.randrange(len(items))
        kind = random.randrange(6)
        if kind == 0:
            del items[at]
        elif kind == 1:
            items.insert(at, items[at])
        elif kind == 2:
            items *= 40
        else:
            items[at] = mutate_value(items[at], random)
        return items
    if isinstance(value, int) and not isinstance(value, bool):
        return mutate_number(value, random)
    if isinstance(value, str) and value:
        return mutate(value.encode(), (), random).decode("utf-8", "replace")
    return random.choice((*_WORDS, *_FLOATS, *NUMBERS))


def _change(data: bytearray, others: Sequence[bytes], random: Random) -> None:
    size = len(data)
    kind = random.randrange(12)
    limit = min(size, HEAD_BYTES) if random.randrange(2) else size
    at = random.randrange(limit + 1)
    if not size or kind == 0:
        data[at:at] = _noise(random)
    elif kind <= 2:
        at = min(at, size - 1)
        data[at] ^= 1 << random.randrange(8)
    elif kind == 3:
        data[min(at, size - 1)] = random.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF))
    elif kind <= 6:
        width = random.choice((2, 4, 8))
        number = random.choice(NUMBERS) % (1 << (8 * width))
        data[at : at + width] = number.to_bytes(width, random.choice(("little", "big")))
    elif kind == 7:
        del data[at:]
    elif kind == 8:
        del data[at : at + random.choice((1, 2, 4, 16, 256))]
    elif kind == 9:
        piece = data[at : at + random.choice((1, 4, 16, 256, 4096))]
        data[at:at] = piece * random.choice((1, 1, 2, 8))
    elif kind == 10 and others:
        other = random.choice(others)
        first = random.randrange(len(other) + 1)
        data[at : at + random.choice((0, 4, 64))] = other[first : first + 1024]
    else:
        data[at : at + random.choice((1, 4, 16))] = _noise(random)


def _noise(random: Random) -> bytes:
    return bytes(random.randrange(256) for _ in range(random.choice((1, 2, 4, 8, 40))))
