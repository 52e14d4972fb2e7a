"""A further class for a network that has learnt others: its settings, and what reads it out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from models.checkpoint_file import Tensors
from models.errors import ModelError
from models.settings import NetworkSettings

MOST_CLASSES = 64
LONGEST_NAME = 64

Floats = npt.NDArray[np.float32]


def check_new_class(names: tuple[str, ...], name: object) -> str:
    """The name of a class to come; raises `ModelError` for one that cannot be had."""
    if not isinstance(name, str) or not 1 <= len(name.strip()) <= LONGEST_NAME:
        raise ModelError(
            f"class name: got {name!r:.80}; allowed: text of 1 to {LONGEST_NAME} characters"
        )
    name = name.strip()
    if not name.isprintable() or name.isdecimal() or name == "unsure":
        raise ModelError(
            f"class name: got {name!r:.80}; allowed: printable text, no number and not 'unsure'"
        )
    if name in names:
        raise ModelError(f"class name: got {name!r}; allowed: one that no class has yet")
    if len(names) >= MOST_CLASSES:
        raise ModelError(f"classes: got {len(names)} and one more; allowed: {MOST_CLASSES}")
    return name


def with_class(settings: NetworkSettings) -> NetworkSettings:
    """The same network with one more class."""
    return replace(settings, classes=settings.classes + 1)


def readout_rows(
    settings: NetworkSettings, number: int, seed: int, tensors: Tensors
) -> list[tuple[Floats, Floats]]:
    """What every layer reads class `number` (from 0) out by: a row, shape (fan-in,), channels
    first, and an offset, shape (1,).

    Readouts that hold log odds, read by softmax, get the mean of the rows that `tensors` have: a
    class that nobody has taught is never the likeliest. Others are drawn as at a network's
    beginning, U(+-0.5 / sqrt(fan-in)); the same seed and number give the same rows.
    """
    rows = []
    for layer, shape in enumerate(settings.shapes()):
        if settings.reading == "softmax":
            known = tensors[f"layers.{layer}.readout"], tensors[f"layers.{layer}.readout_offset"]
            rows.append((known[0].mean(0), known[1].mean(keepdims=True)))
            continue
        random = np.random.default_rng([seed, number, layer])
        bound = 0.5 / shape.readout_inputs**0.5
        drawn = random.uniform(-bound, bound, shape.readout_inputs + 1).astype(np.float32)
        rows.append((drawn[:-1], drawn[-1:]))
    return rows


def padded_readouts(tensors: Tensors, settings: NetworkSettings, seed: int) -> Tensors:
    """Tensors of a network of fewer classes with the rows of `settings`' further ones."""
    padded = dict(tensors)
    known = len(tensors["layers.0.readout_offset"])
    for number in range(known, settings.classes):
        for layer, (row, offset) in enumerate(readout_rows(settings, number, seed, tensors)):
            for name, more in (("readout", row[None]), ("readout_offset", offset)):
                key = f"layers.{layer}.{name}"
                padded[key] = np.concatenate([padded[key], more])
    return padded
