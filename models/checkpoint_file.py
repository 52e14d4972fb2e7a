"""Checkpoint files: safetensors with JSON metadata, written to a temporary file, synced, renamed.

Without torch, whose import takes longer than everything else that a fast start needs.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from models.errors import ModelError
from models.settings import NetworkSettings

FORMAT = 1
"""Of the metadata; a reader refuses a newer one."""
MAX_BYTES = 1 << 30

Tensors = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class StoredNetwork:
    """What a checkpoint holds: a network at rest, and how it came to be."""

    settings: NetworkSettings
    tensors: Tensors
    """By the names and of the shapes in `NetworkSettings.tensor_shapes`."""
    class_names: tuple[str, ...]
    version: str
    """Twelve hexadecimal digits of the digest of settings, names and tensors."""
    parent: str | None = None
    """Version that this one was learnt from."""
    record: dict[str, Any] = field(default_factory=dict)
    """How it was trained: data, settings, figures."""

    @property
    def knows(self) -> bool:
        """Whether it has known directions, and not only room for them."""
        return any(bool(t.any()) for name, t in self.tensors.items() if name.endswith(".known"))


def version_of(settings: NetworkSettings, tensors: Tensors, class_names: tuple[str, ...]) -> str:
    """Identity of a network: equal settings, names and tensors give equal versions."""
    digest = hashlib.blake2b(digest_size=6)
    digest.update(json.dumps([settings.to_dict(), class_names]).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(name.encode())
        digest.update(tensor.tobytes())
    return digest.hexdigest()


def write_checkpoint(
    path: Path,
    settings: NetworkSettings,
    tensors: Tensors,
    class_names: tuple[str, ...],
    *,
    parent: str | None,
    record: dict[str, Any],
) -> str:
    """Write a checkpoint so that `path` holds either what it held or all of the new one.

    A link is followed. Returns its version. Raises `ModelError` where the folder cannot be written,
    and where something else than a file is in the place.
    """
    place = Path(os.path.realpath(path))
    if place.exists() and not place.is_file():
        kind = "a folder" if place.is_dir() else "a device or a pipe"
        raise ModelError(f"checkpoint {path}: got {kind}; allowed: a file, or a new name")
    version = version_of(settings, tensors, class_names)
    meta = {
        "format": FORMAT,
        "settings": settings.to_dict(),
        "class_names": list(class_names),
        "version": version,
        "parent": parent,
        "record": record,
    }
    whole = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    data = save(whole, metadata={"wigwag": json.dumps(meta)})
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{place.name}.", dir=place.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files private; a checkpoint gets the usual rights.
        mask = os.umask(0)
        os.umask(mask)
        Path(temporary).chmod(0o666 & ~mask)
        Path(temporary).replace(place)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise ModelError(
            f"checkpoint {path}: got {error.strerror or error}; "
            "allowed: a folder that can be written"
        ) from error
    return version


def read_checkpoint(path: Path) -> StoredNetwork:
    """Read a checkpoint; nothing in it can run code.

    Raises `ModelError` for a missing, damaged, too large or newer file, for settings out of range
    and for tensors that do not fit them.
    """
    try:
        return _read(path)
    except ModelError as error:
        raise ModelError(
            f"checkpoint {path}: {error}; give one that `wigwag train` or --save wrote"
        ) from error


def _read(path: Path) -> StoredNetwork:
    if path.is_dir():
        raise ModelError("got a folder; allowed: a safetensors file that wigwag wrote")
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ModelError(f"got {size} bytes; allowed: up to {MAX_BYTES}")
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get("wigwag")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (OSError, SafetensorError) as error:
        got = getattr(error, "strerror", None) or error
        raise ModelError(f"got {got}; allowed: a safetensors file that wigwag wrote") from error
    except (TypeError, AttributeError) as error:
        raise ModelError(
            f"got numbers that numpy does not have ({error}); allowed: float32"
        ) from error
    if text is None:
        raise ModelError(
            "got safetensors without wigwag metadata; allowed: a checkpoint that wigwag wrote"
        )
    try:
        meta = json.loads(text)
        if meta["format"] != FORMAT:
            raise ModelError(
                f"got format {meta['format']!r}; allowed: {FORMAT}; "
                "use the wigwag version that wrote it or a newer one"
            )
        settings = NetworkSettings.from_dict(meta["settings"])
        _check_tensors(tensors, settings)
        class_names = tuple(str(name) for name in meta["class_names"])
        record = dict(meta["record"])
        parent, version = meta["parent"], str(meta["version"])
    except ModelError:
        raise
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ModelError(f"got damaged metadata ({error}); allowed: a whole checkpoint") from error
    if len(class_names) != settings.classes:
        raise ModelError(f"got {len(class_names)} class names; allowed: {settings.classes}")
    if version != version_of(settings, tensors, class_names):
        raise ModelError(
            f"got contents that do not fit its version {version}; allowed: an unchanged file"
        )
    return StoredNetwork(settings, tensors, class_names, version, parent, record)


def _check_tensors(tensors: Tensors, settings: NetworkSettings) -> None:
    expected = settings.tensor_shapes()
    if set(tensors) != set(expected):
        different = sorted(set(tensors) ^ set(expected))
        raise ModelError(
            f"network tensors: got {different} missing or too many; allowed: {sorted(expected)}"
        )
    for name, tensor in tensors.items():
        if tensor.shape != expected[name]:
            raise ModelError(f"tensor {name}: got shape {tensor.shape}; allowed: {expected[name]}")
        if tensor.dtype != np.float32:
            raise ModelError(f"tensor {name}: got {tensor.dtype} numbers; allowed: float32")
        if not np.isfinite(tensor).all():
            raise ModelError(f"tensor {name}: got NaN or infinity; allowed: finite numbers")
