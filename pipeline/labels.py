"""The label: what the brain says it sees, as one JSON object on the bus and one line in a file."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from drivers.errors import InputError

UNSURE = "unsure"
"""The name of class 0: a silent scene, or no gesture that clearly leads."""


class Label(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    rename={"gesture_class": "class"},
):
    """One decision of the brain at one moment of the stream."""

    t_us: int
    """Stream time at which the decision was made: the end of the last frame it rests on."""
    source: str
    label: str
    gesture_class: int
    """Counted from 1; 0 is "unsure". Written as `class`."""
    confidence: float
    """Share of the window's votes that went to the class (to the leading class if unsure)."""
    counts: tuple[int, ...]
    """Votes in the window, per class; index 0 holds class 1."""
    window_us: int
    model_version: str
    latency_us: int
    """From the sending of the packet that closed the frame to this decision, by the wall clock."""
    changed: bool
    """Whether the class differs from the one before."""
    gaps: int = 0
    """How often the stream was cut off before this label, its source or brain having been killed
    and started again; left out where it is 0."""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Label)


def encode_label(label: Label) -> bytes:
    """The label as one line of JSON, line feed included."""
    return _encoder.encode(label) + b"\n"


def decode_label(line: bytes | str) -> Label:
    """The label that `encode_label` wrote; raises `InputError` for anything else."""
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        shown = line if isinstance(line, str) else line.decode("utf-8", "replace")
        raise InputError(
            what="label line",
            got=f"{shown.strip()[:80]!r} ({error})",
            allowed="a JSON object with the fields of a label",
            todo="check who wrote it, and with which version of wigwag",
        ) from error


def class_label(class_names: Sequence[str], gesture_class: int) -> str:
    """The name of a class counted from 1; class 0 is "unsure"."""
    return UNSURE if gesture_class == 0 else class_names[gesture_class - 1]
