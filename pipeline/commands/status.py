"""The command `wigwag status`: the health of every stage at a glance."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from drivers.errors import InputError
from pipeline.commands import options as o


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(status)


def status(
    control: Annotated[
        str | None,
        typer.Option("--control", metavar="ADDR", help="Control address of a brain."),
    ] = None,
    source_control: Annotated[
        str | None,
        typer.Option("--source-control", metavar="ADDR", help="Control address of a source."),
    ] = None,
    over: Annotated[
        float, typer.Option("--over", min=0.05, max=60.0, help="Seconds that are looked at.")
    ] = 1.0,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.05, max=60.0, help="Seconds to wait for an answer.")
    ] = 2.0,
    as_json: o.AsJson = False,
    insecure: o.Insecure = False,
    server_key: o.ServerKey = None,
    source_server_key: Annotated[
        Path | None,
        typer.Option("--source-server-key", help="Public CURVE key file of the source."),
    ] = None,
    secret_key: o.SecretKey = None,
) -> None:
    """Ask running stages how they are, twice, and judge by what changed in between.

    Exit status: 0 all healthy, 1 one is not, 2 one does not answer.
    """
    from pipeline.health import Asked, exit_status, health_line, look
    from pipeline.security import CurveClient

    asked = [
        Asked(
            stage=stage,
            address=address,
            security=CurveClient(public, secret_key) if public else None,
        )
        for stage, address, public in (
            ("brain", control, server_key),
            ("source", source_control, source_server_key),
        )
        if address is not None
    ]
    if not asked:
        raise InputError(
            what="stages",
            got="no address",
            allowed="--control ADDR, --source-control ADDR, or both",
            todo="give the addresses that brain and source were started with",
        )
    found = look(asked, over_s=over, timeout_s=timeout, insecure=insecure)
    if as_json:
        import msgspec

        sys.stdout.buffer.write(msgspec.json.encode({"stages": found}) + b"\n")
    else:
        sys.stdout.writelines(f"{health_line(health)}\n" for health in found)
    raise typer.Exit(exit_status(found))
