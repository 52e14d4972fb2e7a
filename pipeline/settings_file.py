"""Settings as TOML: files, and single values from the command line."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from drivers.errors import InputError, in_words
from pipeline.atomic_file import write_atomically


def read_settings(path: Path) -> dict[str, Any]:
    """The values of a settings file; raises `InputError` where it is missing or no TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            what=f"settings file {path}",
            got=in_words(error),
            allowed="a TOML file",
            todo="see docs/training.md for an example",
        ) from error


def write_settings(path: Path, values: Mapping[str, Any], *, head: str) -> None:
    """Write values that `read_settings` gives back, behind comment lines."""
    comment = "".join(f"# {line}\n" for line in head.splitlines())
    write_atomically(path, (comment + tomli_w.dumps(values)).encode())


def parse_setting(text: str) -> dict[str, Any]:
    """`crops.batch=8` as `{"crops": {"batch": 8}}`; raises `InputError` for what is no TOML."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(
            what="--set",
            got=f"{text!r:.80}, {error}",
            allowed="NAME=VALUE as in a settings file, text in quotes",
            todo="try crops.batch=8 or 'learning.loss=\"MSELoss\"'",
        ) from error
