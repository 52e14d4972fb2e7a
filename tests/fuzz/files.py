"""What must hold of any label file, settings file and checkpoint, and how to break them."""

from __future__ import annotations

import contextlib
import json
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import tomli_w

from drivers.errors import InputError
from models.checkpoint_file import read_checkpoint, write_checkpoint
from models.errors import ModelError
from models.settings import LayerSettings, NetworkSettings
from pipeline.settings_file import parse_setting, read_settings
from pipeline.training_settings import training_settings
from recordings.labels import HEADER, read_label_file
from tests.fuzz.mutations import mutate, mutate_value


def label_seeds() -> list[bytes]:
    """Label files in the DvsGesture layout."""
    rows = b"1,80048239,85092709\n2,89431170,95231007\n11,96000000,97000000\n"
    head = ",".join(HEADER).encode() + b"\n"
    return [head + rows, head, head.replace(b"\n", b"\r\n") + rows.replace(b"\n", b"\r\n")]


def check_labels(data: bytes, folder: Path) -> bool:
    """Read a label file; whether it was one. Every row becomes an interval or an error."""
    path = folder / "labels.csv"
    path.write_bytes(data)
    try:
        intervals = read_label_file(path)
    except InputError as error:
        assert len(str(error)) < 2000
        return False
    lines = data.decode("utf-8-sig").splitlines()[1:]
    assert b'"' in data or len(intervals) == sum(bool(line.strip(" \t,")) for line in lines)
    for before, after in pairwise(intervals):
        assert before.t_end_us <= after.t_begin_us
    return True


def settings_seeds() -> list[bytes]:
    """What a run writes, and what users write."""
    whole = tomli_w.dumps(training_settings({"preset": "small"}).to_dict()).encode()
    return [whole, b'preset = "small"\nminibatches = 5\n[crops]\nbatch = 8\n']


def mutate_settings(seed: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """Settings changed as text or as values, or nested beyond reason."""
    if random.randrange(100) == 0:
        return b"a = " + random.choice((b"[", b"{a=")) * 20_000
    if random.randrange(2):
        return mutate(seed, others, random)
    import tomllib

    values = mutate_value(tomllib.loads(seed.decode()), random)
    try:
        return tomli_w.dumps(values).encode("utf-8", "replace")
    except (TypeError, AttributeError, ValueError):  # TOML has no null and wants a table
        return mutate(seed, others, random)


def check_settings(data: bytes, folder: Path) -> bool:
    """Read settings of a training run; whether they were some."""
    path = folder / "settings.toml"
    path.write_bytes(data)
    with contextlib.suppress(InputError):
        parse_setting(data.decode("utf-8", "replace"))
    try:
        training_settings(read_settings(path))
    except (InputError, ModelError):
        return False
    return True


def checkpoint_seeds() -> list[bytes]:
    """A tiny network."""
    layers = (LayerSettings(channels=2, pool=2, kernel=3),)
    settings = NetworkSettings(layers=layers, classes=2, height=8, width=8)
    random = np.random.default_rng(4)
    tensors = {
        name: random.random(shape, dtype=np.float32) + 10
        for name, shape in settings.tensor_shapes().items()
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "seed")
        write_checkpoint(path, settings, tensors, ("a", "b"), parent=None, record={"frames": 3})
        return [path.read_bytes()]


def mutate_checkpoint(seed: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """A change of bytes, of the file's header or of our metadata, with a length that fits."""
    kind = random.randrange(3)
    if kind == 0:
        return mutate(seed, others, random)
    length = int.from_bytes(seed[:8], "little")
    header: Any = json.loads(seed[8 : 8 + length])
    if kind == 1:
        header = mutate_value(header, random)
    else:
        meta = mutate_value(json.loads(header["__metadata__"]["wigwag"]), random)
        text = json.dumps(meta)
        if random.randrange(50) == 0:
            text = "[" * 100_000
        header["__metadata__"]["wigwag"] = text
    data = json.dumps(header).encode("utf-8", "replace")
    return len(data).to_bytes(8, "little") + data + seed[8 + length :]


def check_checkpoint(data: bytes, folder: Path) -> bool:
    """Read a checkpoint; whether it was one."""
    path = folder / "case.safetensors"
    path.write_bytes(data)
    try:
        read_checkpoint(path)
    except ModelError as error:
        assert str(path) in str(error)
        return False
    return True
