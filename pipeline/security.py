"""Who may listen and speak beyond this host: CURVE keys for sockets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import zmq
import zmq.auth

from drivers.errors import InputError, in_words
from pipeline.addresses import check_address, leaves_this_host


@dataclass(frozen=True, slots=True)
class CurveServer:
    """The binding side: its certificate file with the secret key (`NAME.key_secret`)."""

    secret_key_file: Path


@dataclass(frozen=True, slots=True)
class CurveClient:
    """The connecting side: the server's public certificate (`NAME.key`); its own key is made up."""

    server_public_key_file: Path


Security: TypeAlias = CurveServer | CurveClient | None


def secure(
    socket: zmq.Socket[Any], address: str, security: Security, *, binds: bool, insecure: bool
) -> None:
    """Check an address and give the socket its keys; to be called before bind or connect.

    Raises `InputError` for an address beyond this host without keys, unless `insecure`.
    """
    check_address(address)
    if security is None:
        if leaves_this_host(address) and not insecure:
            raise InputError(
                what=f"address {address}",
                got="a connection beyond this host without keys",
                allowed="ipc://, tcp:// on 127.0.0.1, or CURVE keys",
                todo="give a key file, or say --insecure if anybody may listen and speak",
            )
        return
    if isinstance(security, CurveServer) != binds:
        raise InputError(
            what=f"keys for {address}",
            got=type(security).__name__,
            allowed="the secret key file where a socket binds, the public one where it connects",
            todo="exchange the two files",
        )
    if isinstance(security, CurveServer):
        public, secret = _load(security.secret_key_file, secret=True)
        socket.curve_server = True
    else:
        socket.curve_serverkey = _load(security.server_public_key_file, secret=False)[0]
        public, secret = zmq.curve_keypair()
    socket.curve_publickey = public
    socket.curve_secretkey = secret


def _load(path: Path, *, secret: bool) -> tuple[bytes, bytes]:
    try:
        public_key, secret_key = zmq.auth.load_certificate(path)
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise InputError(
            what=f"key file {path}",
            got=in_words(error),
            allowed="a certificate file as made by zmq.auth.create_certificates",
            todo="check the path",
        ) from error
    if secret and secret_key is None:
        raise InputError(
            what=f"key file {path}",
            got="a file without a secret key",
            allowed="the file that ends in .key_secret",
            todo="give that one",
        )
    return public_key, secret_key or b""
