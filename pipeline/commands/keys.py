"""Commands about who is let in: `wigwag keys make`, `allow`, `revoke`, `list`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from drivers.errors import InputError
from pipeline.commands import options as o

ServerSecret = Annotated[
    Path, typer.Argument(metavar="STAGE.key_secret", help="Secret key file of a source or brain.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    keys = typer.Typer(
        help="CURVE keys, and who is let in.", no_args_is_help=True, rich_markup_mode=None
    )
    keys.command("make")(make)
    keys.command("allow")(allow)
    keys.command("revoke")(revoke)
    keys.command("list")(list_clients)
    app.add_typer(keys, name="keys")


def make(
    name: Annotated[str, typer.Argument(help="Of the machine or person: brain, lab-door, lena.")],
    folder: Annotated[Path, typer.Option("--folder", help="An existing folder.")] = Path(),
) -> None:
    """Make a pair of keys: NAME.key to give away, NAME.key_secret to keep (0600)."""
    from pipeline.key_files import make_key_pair

    public, secret = make_key_pair(folder, name)
    sys.stdout.write(
        f"{public}: public. Copy it to those who connect to {name} (--server-key {public.name}),\n"
        f"  or to the machine that shall let {name} in (wigwag keys allow).\n"
        f"{secret}: secret. It stays here, readable by you alone (--secret-key {secret}).\n"
    )


def allow(
    server: ServerSecret,
    client: Annotated[
        Path, typer.Argument(metavar="CLIENT.key", help="Public key file of who is let in.")
    ],
    may: Annotated[
        list[str] | None,
        typer.Option(
            "--may",
            metavar="watch|teach",
            help="watch: hear events, labels, telemetry, ask for the status. teach: all other "
            "requests. Can be given twice; watch if left out.",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Of the client; else that of its key file.")
    ] = None,
) -> None:
    """Let a client in, with exactly these rights; a running stage sees it within a second."""
    from pipeline.allow_list import (
        RIGHTS,
        Client,
        allow_list_of,
        read_allow_list,
        write_allow_list,
    )
    from pipeline.key_files import check_plain_name, load_public_key, load_secret_key

    load_secret_key(server)  # so that a list is never made beside a file that serves nobody
    if client.suffix == ".key_secret":
        raise InputError(
            what=f"client key {client}",
            got="a secret key",
            allowed="the public one, which ends in .key",
            todo="leave secret keys where they were made, and copy the .key file",
        )
    key = load_public_key(client).decode()
    called = name or client.stem
    check_plain_name(called, "name of the client")
    unknown = [right for right in may or () if right not in RIGHTS]
    if unknown:
        raise InputError(
            what="--may", got=repr(unknown[0]), allowed=" or ".join(RIGHTS), todo="give one"
        )
    path = allow_list_of(server)
    clients = read_allow_list(path)
    others = [other for other in clients.values() if other.public_key != key]
    if any(other.name == called for other in others):
        raise InputError(
            what="name of the client",
            got=f"{called}, which another key has",
            allowed="a name of its own",
            todo="give another with --name, or revoke the old key first",
        )
    rights = frozenset(right for right in RIGHTS if right in (may or ("watch",)))
    write_allow_list(path, [*others, Client(name=called, public_key=key, rights=rights)])
    may_text = " and ".join(right for right in RIGHTS if right in rights)
    sys.stdout.write(f"{called} may {may_text} ({path})\n")


def revoke(
    server: ServerSecret,
    name: Annotated[str, typer.Argument(help="Of the client, as `wigwag keys list` shows it.")],
) -> None:
    """Let a client in no more; where it is connected to a running stage it is cut off."""
    from pipeline.allow_list import allow_list_of, read_allow_list, write_allow_list

    path = allow_list_of(server)
    clients = read_allow_list(path)
    others = [client for client in clients.values() if client.name != name]
    if len(others) == len(clients):
        known = ", ".join(sorted(client.name for client in clients.values()))
        raise InputError(
            what="name of the client",
            got=repr(name[:80]),
            allowed=known or f"nobody: {path} lets nobody in",
            todo="look with `wigwag keys list`",
        )
    write_allow_list(path, others)
    sys.stdout.write(f"{name} is let in no more ({path})\n")


def list_clients(server: ServerSecret, as_json: o.AsJson = False) -> None:
    """Show who is let in, and what for."""
    import msgspec

    from pipeline.allow_list import RIGHTS, allow_list_of, read_allow_list
    from pipeline.key_files import load_secret_key

    load_secret_key(server)  # so that nobody takes the list of no stage for an empty one
    path = allow_list_of(server)
    clients = read_allow_list(path)
    if not clients and not as_json:
        sys.stdout.write(f"nobody: {path} lets nobody in\n")
    for client in clients.values():
        rights = [right for right in RIGHTS if right in client.rights]
        if as_json:
            said = {"name": client.name, "may": rights, "public_key": client.public_key}
            sys.stdout.buffer.write(msgspec.json.encode(said) + b"\n")
        else:
            sys.stdout.write(f"{client.name}: {', '.join(rights)} ({client.public_key})\n")
