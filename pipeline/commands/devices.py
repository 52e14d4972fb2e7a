"""The command about cameras: devices."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from pipeline.commands import options as o


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(devices)


def devices(
    as_json: o.AsJson = False,
    libraries: Annotated[
        bool,
        typer.Option(
            "--libraries/--no-libraries", help="Also ask the cameras' libraries what they find."
        ),
    ] = True,
) -> None:
    """Say what cameras are plugged in, what is missing, and the command that mends it."""
    import msgspec

    from drivers.cameras import camera_kinds
    from drivers.devices import ask_libraries, find_devices

    found = find_devices()
    if libraries:
        found += ask_libraries()
    kinds = camera_kinds()
    if as_json:
        report = {"devices": found, "kinds": kinds}
        sys.stdout.write(msgspec.json.encode(report).decode() + "\n")
        return
    for one in found:
        serial = f" {one.serial}" if one.serial else ""
        sys.stdout.write(f"{'+' if one.usable else '-'} {one.name}{serial}: {one.text}\n")
        if one.camera:
            sys.stdout.write(f"    wigwag live --camera {one.camera}\n")
        if one.command:
            sys.stdout.write(f"    {one.command}\n")
    sys.stdout.write(f"kinds of --camera: {', '.join(kinds)}, or the path of a film\n")
