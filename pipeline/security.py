"""Who may listen and speak beyond this host: CURVE keys for sockets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import zmq

from drivers.errors import InputError
from pipeline.addresses import check_address, leaves_this_host
from pipeline.allow_list import AllowList, Right, allow_list_of
from pipeline.gate import Gate
from pipeline.key_files import load_public_key, load_secret_key


@dataclass(frozen=True, slots=True)
class CurveServer:
    """The binding side: its file with the secret key (`NAME.key_secret`).

    Let in are the keys in `NAME.allowed` beside it, for what they may do; without it nobody is.
    """

    secret_key_file: Path

    def clients(self) -> AllowList:
        """Who is let in; raises `InputError` for a list that cannot be used."""
        return AllowList(allow_list_of(self.secret_key_file))


@dataclass(frozen=True, slots=True)
class CurveClient:
    """The connecting side: the server's public key file (`NAME.key`), and its own secret one.

    Without a key of its own it makes one up, which no server of wigwag's lets in.
    """

    server_public_key_file: Path
    secret_key_file: Path | None = None


Security: TypeAlias = CurveServer | CurveClient | None


def secure(
    socket: zmq.Socket[Any],
    address: str,
    security: Security,
    *,
    binds: bool,
    insecure: bool,
    right: Right | None = "watch",
) -> Gate | None:
    """Check an address and give the socket its keys; to be called before bind or connect.

    A binding socket with keys gets a gate, which lets in who has `right` (None: any right).
    Raises `InputError` for an address beyond this host without keys, unless `insecure`.
    """
    check_address(address)
    if security is None:
        if leaves_this_host(address) and not insecure:
            raise InputError(
                what=f"address {address}",
                got="a connection beyond this host without keys",
                allowed="ipc://, tcp:// on 127.0.0.1, or CURVE keys",
                todo="make keys with `wigwag keys make` and give a key file, "
                "or say --insecure if anybody may listen and speak",
            )
        return None
    if isinstance(security, CurveServer) != binds:
        raise InputError(
            what=f"keys for {address}",
            got=type(security).__name__,
            allowed="the secret key file where a socket binds, the public one where it connects",
            todo="exchange the two files",
        )
    gate = None
    if isinstance(security, CurveServer):
        public, secret = load_secret_key(security.secret_key_file)
        socket.curve_server = True
        gate = Gate(socket, security.clients(), right)
    else:
        socket.curve_serverkey = load_public_key(security.server_public_key_file)
        own = security.secret_key_file
        public, secret = zmq.curve_keypair() if own is None else load_secret_key(own)
    socket.curve_publickey = public
    socket.curve_secretkey = secret
    return gate
