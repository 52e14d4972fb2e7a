"""The command `wigwag filters`: what a running source leaves out of its events."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from drivers.errors import InputError
from pipeline.commands import options as o


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(filters)


def filters(
    control: Annotated[
        str | None,
        typer.Option("--control", metavar="ADDR", help="The source's control address."),
    ] = None,
    session: Annotated[
        Path | None, typer.Option("--session", help="Or the folder of its running session.")
    ] = None,
    hot_pixels: o.HotPixelsOption = None,
    find: Annotated[
        bool, typer.Option("--find", help="Watch for hot pixels anew, for a second.")
    ] = False,
    noise_ms: o.NoiseMs = None,
    no_noise: Annotated[
        bool, typer.Option("--no-noise", help="Switch the filter of background activity off.")
    ] = False,
    as_json: o.AsJson = False,
    insecure: o.Insecure = False,
    server_key: o.ServerKey = None,
    secret_key: o.SecretKey = None,
) -> None:
    """Switch a running source's filters; say what is on, and how many events were left out."""
    import msgspec

    from pipeline.control import control_request
    from pipeline.health import answering
    from pipeline.security import CurveClient
    from pipeline.session_folder import SessionFolder

    address = o.address_asked(
        "wigwag filters",
        "source",
        control,
        session,
        lambda path: SessionFolder(path).read_source_control(),
    )
    if (find and hot_pixels is False) or (no_noise and noise_ms is not None):
        raise InputError(
            what="wigwag filters",
            got="a filter that is wanted on and off",
            allowed="one of the two",
            todo="leave one out",
        )
    wanted: dict[str, object] = {}
    if find or hot_pixels is not None:
        wanted["hot_pixels"] = "find" if find else hot_pixels
    if no_noise or noise_ms is not None:
        wanted["noise_ms"] = False if no_noise else noise_ms
    key = CurveClient(server_key, secret_key) if server_key else None
    answer = control_request(address, {"command": "status"}, security=key, insecure=insecure)
    if answering(answer) != "source":
        raise InputError(
            what="wigwag filters",
            got=f"a {answering(answer)} at {address}",
            allowed="the control address of a source",
            todo="give the one that `wigwag source --control` was started with",
        )
    if wanted:
        request = {"command": "filters", **wanted}
        answer = control_request(address, request, security=key, insecure=insecure)
    said = answer["filters"]
    if as_json:
        sys.stdout.write(msgspec.json.encode(said).decode() + "\n")
        return
    hot = f"on, {said['hot_pixels_found']} found" if said["hot_pixels"] else "off"
    noise = "off" if said["noise_ms"] is None else f"on, {said['noise_ms']:g} ms"
    sys.stdout.write(
        f"hot pixels: {hot}; {said['removed_hot']:,} events left out\n"
        f"background activity: {noise}; {said['removed_noise']:,} events left out\n"
        f"events given on: {said['kept']:,} of {said['received']:,}\n"
    )
