"""Checkpoints: safetensors with JSON metadata, written to a temporary file, synced, renamed."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from models.errors import ModelError
from models.network import Network
from models.settings import NetworkSettings

FORMAT = 1
"""Of the metadata; a reader refuses a newer one."""
MAX_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A network with what is known about how it came to be."""

    network: Network
    class_names: tuple[str, ...]
    version: str
    """Twelve hexadecimal digits of the digest of settings, names and tensors."""
    parent: str | None = None
    """Version that this one was learnt from."""
    record: dict[str, Any] = field(default_factory=dict)
    """How it was trained: data, settings, figures."""


def version_of(network: Network, class_names: tuple[str, ...]) -> str:
    """Identity of a network: equal settings, names and tensors give equal versions."""
    digest = hashlib.blake2b(digest_size=6)
    digest.update(json.dumps([network.settings.to_dict(), class_names]).encode())
    for name, tensor in sorted(network.tensors().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def save_checkpoint(
    path: Path,
    network: Network,
    class_names: tuple[str, ...],
    *,
    parent: str | None,
    record: dict[str, Any],
) -> str:
    """Write a checkpoint so that `path` holds either what it held or all of the new one.

    Returns its version. Raises `ModelError` where the folder cannot be written.
    """
    version = version_of(network, class_names)
    meta = {
        "format": FORMAT,
        "settings": network.settings.to_dict(),
        "class_names": list(class_names),
        "version": version,
        "parent": parent,
        "record": record,
    }
    tensors = {
        name: tensor.detach().cpu().contiguous() for name, tensor in network.tensors().items()
    }
    data = save(tensors, metadata={"wigwag": json.dumps(meta)})
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files private; a checkpoint gets the usual rights.
        mask = os.umask(0)
        os.umask(mask)
        Path(temporary).chmod(0o666 & ~mask)
        Path(temporary).replace(path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise ModelError(
            f"checkpoint {path}: got {error.strerror or error}; "
            "allowed: a folder that can be written"
        ) from error
    return version


def load_checkpoint(path: Path, *, device: str = "cpu") -> Checkpoint:
    """Read a checkpoint; nothing in it can run code.

    Raises `ModelError` for a missing, damaged, too large or newer file, for settings out of range
    and for tensors that do not fit them.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ModelError(f"checkpoint {path}: got {size} bytes; allowed: up to {MAX_BYTES}")
        with safe_open(path, framework="pt", device="cpu") as file:
            text = (file.metadata() or {}).get("wigwag")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (OSError, SafetensorError) as error:
        got = getattr(error, "strerror", None) or error
        raise ModelError(
            f"checkpoint {path}: got {got}; allowed: a safetensors file that wigwag wrote"
        ) from error
    if text is None:
        raise ModelError(
            f"checkpoint {path}: got safetensors without wigwag metadata; "
            "allowed: a checkpoint that wigwag wrote"
        )
    try:
        meta = json.loads(text)
        if meta["format"] != FORMAT:
            raise ModelError(
                f"checkpoint {path}: got format {meta['format']!r}; allowed: {FORMAT}; "
                "use the wigwag version that wrote it or a newer one"
            )
        network = Network(NetworkSettings.from_dict(meta["settings"]))
        network.load_tensors(tensors, device=device)
        class_names = tuple(str(name) for name in meta["class_names"])
        record = dict(meta["record"])
        parent, version = meta["parent"], str(meta["version"])
    except ModelError as error:
        raise ModelError(f"checkpoint {path}: {error}") from error
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ModelError(
            f"checkpoint {path}: got damaged metadata ({error}); allowed: a whole checkpoint"
        ) from error
    if len(class_names) != network.settings.classes:
        raise ModelError(
            f"checkpoint {path}: got {len(class_names)} class names; "
            f"allowed: {network.settings.classes}"
        )
    if version != version_of(network, class_names):
        raise ModelError(
            f"checkpoint {path}: got contents that do not fit its version {version}; "
            "allowed: an unchanged file"
        )
    return Checkpoint(network, class_names, version, parent, record)
