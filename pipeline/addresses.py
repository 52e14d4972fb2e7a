"""Where sockets live: a private folder for this run, and addresses that are safe to use."""

from __future__ import annotations

import atexit
import ipaddress
import os
import socket
import stat
import tempfile
from pathlib import Path

from drivers.errors import InputError
from pipeline.temporary_folder import TemporaryFolder

MAX_IPC_PATH_BYTES = 107
"""Length of a Unix socket's path on Linux, without the closing zero."""
_LONGEST_NAME_BYTES = 40


def private_run_directory() -> Path:
    """A new folder that only this user can enter (0700), removed when this process exits.

    Taken in `$XDG_RUNTIME_DIR`, else the usual temporary folder, else `/tmp`: the first that
    can be written and is short enough for sockets.
    """
    for base in (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"):
        if not base or not os.access(base, os.W_OK | os.X_OK):
            continue
        if len(os.fsencode(base)) + _LONGEST_NAME_BYTES > MAX_IPC_PATH_BYTES:
            continue
        folder = TemporaryFolder("sockets", Path(base))
        atexit.register(_remove, folder, os.getpid())
        return folder.path
    raise InputError(
        what="folder for sockets",
        got=f"{tempfile.gettempdir()}, which cannot be written or has too long a path",
        allowed="a folder that can be written, with a path of 60 characters or fewer",
        todo="set TMPDIR to such a folder",
    )


def ipc_address(directory: Path, name: str) -> str:
    """The `ipc://` address of a socket in a folder; raises `InputError` for too long a path."""
    address = f"ipc://{directory / name}"
    check_address(address)
    return address


def check_address(address: str) -> None:
    """Raise `InputError` for anything but a usable `ipc://PATH` or `tcp://HOST:PORT`."""
    scheme, separator, rest = address.partition("://")
    if not separator or scheme not in ("ipc", "tcp") or not rest:
        raise _bad_address(address)
    if scheme == "tcp":
        host, colon, port = rest.rpartition(":")
        if not colon or not host or not (port == "*" or (port.isdecimal() and int(port) <= 65535)):
            raise _bad_address(address)
        return
    length = len(os.fsencode(rest))
    if length > MAX_IPC_PATH_BYTES:
        raise InputError(
            what=f"address {address}",
            got=f"a path of {length} bytes",
            allowed=f"{MAX_IPC_PATH_BYTES} bytes or fewer, a limit of the system",
            todo="use a folder with a shorter path",
        )


def leaves_this_host(address: str) -> bool:
    """Whether an address can be reached from, or reaches, another host."""
    scheme, _, rest = address.partition("://")
    if scheme == "ipc":
        return False
    host = rest.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return False
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name, an interface or a wildcard: any of them may lead outside
        return True


def check_free(address: str) -> None:
    """Raise `InputError` where an `ipc://` address is in use or its folder is not there.

    ZeroMQ itself would take the path away from whoever listens on it, without a word.
    """
    scheme, _, rest = address.partition("://")
    if scheme != "ipc":
        return
    path = Path(rest)
    if not path.parent.is_dir():
        raise InputError(
            what=f"address {address}",
            got="a folder that does not exist",
            allowed="a path in an existing folder",
            todo=f"make {path.parent} first",
        )
    try:
        is_socket = stat.S_ISSOCK(path.lstat().st_mode)
    except FileNotFoundError:
        return
    if is_socket:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(str(path))
            except OSError:
                return  # left behind by a process that is gone
    raise InputError(
        what=f"address {address}",
        got="a path that is in use" if is_socket else "a file that is no socket",
        allowed="a path that is free",
        todo="choose another address, or stop the program that uses this one",
    )


def _bad_address(address: str) -> InputError:
    return InputError(
        what="address",
        got=repr(address),
        allowed="ipc://PATH or tcp://HOST:PORT",
        todo="write it as in tcp://127.0.0.1:5555",
    )


def _remove(folder: TemporaryFolder, owner: int) -> None:
    if os.getpid() == owner:  # not in a forked child
        folder.close()
