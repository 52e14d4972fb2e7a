"""CURVE key pairs in files: `NAME.key` may be given away, `NAME.key_secret` stays (0600).

The layout is that of ZeroMQ certificates, as `zmq.auth.load_certificate` reads it.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import zmq
from zmq.auth import load_certificate
from zmq.utils import z85

from drivers.errors import InputError, in_words

KEY_CHARACTERS = 40
"""Of a key as text (Z85 of 32 bytes)."""
PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_MAX_FILE_BYTES = 1 << 16


def make_key_pair(folder: Path, name: str) -> tuple[Path, Path]:
    """Write a new pair into an existing folder; the paths of the public and the secret file.

    Raises `InputError` for a name that is none, and for files that are there already: a key
    that was overwritten is lost to all who trust it.
    """
    check_plain_name(name, "name of the keys")
    public_path, secret_path = folder / f"{name}.key", folder / f"{name}.key_secret"
    public, secret = (key.decode() for key in zmq.curve_keypair())
    text = f'metadata\n    name = {name}\ncurve\n    public-key = "{public}"\n'
    _write_new(
        secret_path,
        "# wigwag: SECRET key. It stays on the machine and with the user it was made for.\n"
        f'{text}    secret-key = "{secret}"\n',
        0o600,
    )
    try:
        _write_new(public_path, f"# wigwag: public key. It may be given to anybody.\n{text}", 0o644)
    except InputError:
        secret_path.unlink()  # made just now
        raise
    return public_path, secret_path


def load_public_key(path: Path) -> bytes:
    """The public key in either file of a pair; raises `InputError`."""
    return _load(path)[0]


def load_secret_key(path: Path) -> tuple[bytes, bytes]:
    """Public and secret key; raises `InputError`, also where other users may read the file."""
    public, secret = _load(path)
    if secret is None:
        raise InputError(
            what=f"key file {path}",
            got="a file without a secret key",
            allowed="the file that ends in .key_secret",
            todo="give that one",
        )
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise InputError(
            what=f"secret key file {path}",
            got=f"rights {mode:04o}: other users may read it",
            allowed="0600",
            todo=f"chmod 600 {path}, and make new keys if somebody may have read it",
        )
    return public, secret


def check_plain_name(name: str, what: str) -> None:
    """Raise `InputError` for a name that could be more than a name, a path say."""
    if not PLAIN_NAME.fullmatch(name):
        raise InputError(
            what=what,
            got=repr(name[:80]),
            allowed="1 to 64 letters, digits, dots, - and _, a letter or digit first",
            todo="choose a plain name",
        )


def is_key(text: str) -> bool:
    """Whether this is the text of a key."""
    if len(text) != KEY_CHARACTERS:
        return False
    try:
        return len(z85.decode(text)) == 32
    except Exception:  # pyzmq raises whatever its arithmetic meets
        return False


def _load(path: Path) -> tuple[bytes, bytes | None]:
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise ValueError("far more than a key")
        public, secret = load_certificate(path)
        for key in (public, secret):
            if key is not None and not is_key(key.decode("ascii")):
                raise ValueError("a key that is none")
    except (OSError, ValueError) as error:  # never with what the file holds
        raise InputError(
            what=f"key file {path}",
            got=in_words(error),
            allowed="a key file as `wigwag keys make` writes it",
            todo="check the path",
        ) from error
    return public, secret


def _write_new(path: Path, text: str, mode: int) -> None:
    """A file that was not there, whole or not at all; raises `InputError`."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except OSError as error:
        raise _not_written(path, error) from error
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        path.unlink()
        raise _not_written(path, error) from error


def _not_written(path: Path, error: OSError) -> InputError:
    return InputError(
        what=f"key file {path}",
        got="a file that is there" if isinstance(error, FileExistsError) else in_words(error),
        allowed="a new file in a folder that can be written; keys are never overwritten",
        todo="choose another name or folder, or take the old pair away first",
    )
