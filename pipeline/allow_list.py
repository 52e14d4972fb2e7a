"""Which client keys a stage lets in, and what for: a file beside the stage's secret key.

One client a line: its rights, its public key, its name, as in `watch,teach KEY lena`. Lines that
begin with `#` are comments. Watching is hearing events, labels and telemetry, and asking for the
status; teaching is every other request to a control address.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from drivers.errors import InputError, in_words
from pipeline.key_files import PLAIN_NAME, is_key
from pipeline.logs import say

Right: TypeAlias = Literal["watch", "teach"]
RIGHTS: tuple[Right, ...] = get_args(Right)
_MAX_FILE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Client:
    """Somebody who is let in."""

    name: str
    public_key: str
    """As text, 40 characters."""
    rights: frozenset[Right]


def allow_list_of(secret_key_file: Path) -> Path:
    """Where the clients of a stage are listed: `brain.allowed` beside `brain.key_secret`."""
    return secret_key_file.with_suffix(".allowed")


def read_allow_list(path: Path) -> dict[str, Client]:
    """The clients by key, none where there is no file.

    Raises `InputError` for a line that is not understood, and for a file that other users may
    write: who can, lets himself in.
    """
    try:
        status = path.stat()
        if status.st_size > _MAX_FILE_BYTES:
            raise ValueError(f"{status.st_size:,} bytes")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InputError(
            what=f"allow-list {path}",
            got=in_words(error),
            allowed="a text file that can be read",
            todo="mend it, or take it away: then nobody is let in",
        ) from error
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o022:
        raise InputError(
            what=f"allow-list {path}",
            got=f"rights {mode:04o}: other users may write it",
            allowed="0600 or 0644",
            todo=f"look who is in it, then chmod 600 {path}",
        )
    clients: dict[str, Client] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        client = _client_of(line)
        if client is None or client.public_key in clients:
            raise InputError(
                what=f"allow-list {path}, line {number}",
                got="a key for the second time" if client else "a line that is no client",
                allowed="rights, public key, name, as in: watch,teach KEY lena",
                todo="change it with `wigwag keys allow` and `wigwag keys revoke`",
            )
        clients[client.public_key] = client
    return clients


def write_allow_list(path: Path, clients: Iterable[Client]) -> None:
    """Put a list in place, whole or not at all, for this user alone (0600)."""
    lines = ["# who is let in, and what for; running stages see a change within a second\n"]
    for client in clients:
        rights = ",".join(right for right in RIGHTS if right in client.rights)
        lines.append(f"{rights} {client.public_key} {client.name}\n")
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # is 0600
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError as error:
        raise InputError(
            what=f"allow-list {path}",
            got=in_words(error),
            allowed="a file in a folder that can be written",
            todo="check the folder of the secret key",
        ) from error


class AllowList:
    """A list as its file stands now; for one thread.

    A file that becomes unreadable lets nobody in, and that is said once.
    """

    def __init__(self, path: Path) -> None:
        """Read it; raises `InputError` for a file that cannot be used."""
        self._path = path
        self._seen = self._look()
        self._clients = read_allow_list(path)

    def rights_of(self, public_key: str) -> frozenset[Right]:
        """What a key may do now; nothing, if it is not in the list."""
        self._refresh()
        client = self._clients.get(public_key)
        return client.rights if client else frozenset()

    def keys_with(self, right: Right | None) -> frozenset[str]:
        """Keys that have this right now, or (None) any."""
        self._refresh()
        return frozenset(
            key
            for key, client in self._clients.items()
            if (client.rights if right is None else right in client.rights)
        )

    def _refresh(self) -> None:
        seen = self._look()
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self._clients = read_allow_list(self._path)
        except InputError as error:
            self._clients = {}
            say(f"nobody is let in: {error}", "error")

    def _look(self) -> tuple[int, ...] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        # A rewritten file has another inode, whatever the clock and its length say.
        return (status.st_ino, status.st_mtime_ns, status.st_size, status.st_mode)


def _client_of(line: str) -> Client | None:
    words = line.split()
    if len(words) != 3 or not is_key(words[1]) or not PLAIN_NAME.fullmatch(words[2]):
        return None
    rights = frozenset(right for right in RIGHTS if right in words[0].split(","))
    if len(rights) != len(words[0].split(",")):
        return None
    return Client(name=words[2], public_key=words[1], rights=rights)
