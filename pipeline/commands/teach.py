"""`wigwag teach`: lessons, and what else a brain that is taught can be asked, from a terminal."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from drivers.errors import InputError
from pipeline.commands import options as o

_LOOK_S = 0.05
_PATIENCE_S = 60.0
"""A comparison takes a while; the brain answers anything else at once."""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(teach)


def teach(
    gesture: Annotated[
        str | None,
        typer.Argument(metavar="[CLASS]", help='What is performed: a name, a number, or "none".'),
    ] = None,
    control: Annotated[
        str | None, typer.Option("--control", metavar="ADDR", help="The brain's control address.")
    ] = None,
    session: Annotated[
        Path | None, typer.Option("--session", help="Or the folder of its running session.")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--source", metavar="NAME", help="Who is meant, where a brain has several sources."
        ),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(
            "--seconds",
            min=0.0,
            max=3600.0,
            help="Length of the lesson; else it is held until Enter, for two minutes at most.",
        ),
    ] = None,
    new: Annotated[
        str | None, typer.Option("--new", metavar="NAME", help="Add a class; with CLASS left out.")
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Take the last lesson back.")] = False,
    save: Annotated[
        str | None, typer.Option("--save", metavar="NAME", help="Keep a version under a name.")
    ] = None,
    versions: Annotated[bool, typer.Option("--versions", help="List versions.")] = False,
    load: Annotated[
        str | None, typer.Option("--load", metavar="VERSION", help="Go to a version.")
    ] = None,
    compare: Annotated[
        tuple[str, str] | None,
        typer.Option("--compare", metavar="BEFORE AFTER", help="Two versions on kept clips."),
    ] = None,
    rehearse: Annotated[
        bool | None, typer.Option("--rehearse/--no-rehearse", help="Between lessons.")
    ] = None,
    rate: o.Rate = None,
    status: Annotated[bool, typer.Option("--status", help="How it stands.")] = False,
    as_json: o.AsJson = False,
    insecure: o.Insecure = False,
    server_key: o.ServerKey = None,
    secret_key: o.SecretKey = None,
) -> None:
    """Teach a running brain: `wigwag teach "arm roll" --seconds 2`, and more, one a call."""
    from pipeline.control import control_request
    from pipeline.security import CurveClient
    from pipeline.session_folder import SessionFolder

    address = o.address_asked(
        "wigwag teach", "brain", control, session, lambda path: SessionFolder(path).read_control()
    )
    key = CurveClient(server_key, secret_key) if server_key else None

    def ask(command: str, **fields: object) -> dict[str, Any]:
        request = {"command": command, **fields, **({"source": source} if source else {})}
        return control_request(address, request, timeout_s=10, security=key, insecure=insecure)

    wanted: dict[str, tuple[bool, dict[str, object]]] = {
        "undo": (undo, {}),
        "add_class": (new is not None, {"name": new}),
        "save": (save is not None, {"name": save}),
        "load": (load is not None, {"version": load}),
        "rehearsal": (rehearse is not None, {"on": rehearse}),
        "settings": (rate is not None, {"rate": rate}),
        "versions": (versions, {}),
        "status": (status, {}),
    }
    requests = [(command, fields) for command, (asked, fields) in wanted.items() if asked]
    if len(requests) + (gesture is not None) + (compare is not None) != 1:
        raise InputError(
            what="wigwag teach",
            got=f"{len(requests) + (gesture is not None) + (compare is not None)} requests",
            allowed="one a call: a class, or one of the options that ask for something",
            todo="see `wigwag teach --help`",
        )
    if gesture is not None:
        answer = _give_lesson(ask, int(gesture) if gesture.isdecimal() else gesture, seconds)
    elif compare is not None:
        answer = _compare(ask, *compare)
    else:
        answer = ask(requests[0][0], **requests[0][1])
    text = json.dumps(answer) if as_json else "\n".join(_lines(answer))
    sys.stdout.write(text + "\n")


def _give_lesson(ask: Any, gesture: int | str, seconds: float | None) -> dict[str, Any]:
    """A lesson, to its end; what the status says then of lessons and version."""
    if seconds is None and not sys.stdin.isatty():
        raise InputError(
            what="wigwag teach",
            got="no length, and no terminal to press Enter in",
            allowed="--seconds N, or a terminal",
            todo="give --seconds",
        )
    begun = ask("target", **{"class": gesture} | ({} if seconds is None else {"seconds": seconds}))
    try:
        if seconds is None:
            sys.stderr.write("wigwag: learning; Enter ends the lesson\n")
            sys.stdin.readline()
        else:
            while ask("status")["lesson"] == begun:
                time.sleep(_LOOK_S)
    finally:
        if seconds is None or sys.exc_info()[0] is not None:
            ask("target", **{"class": None})
    said = ask("status")
    return {"taught": gesture, "lessons": said["lessons"], "version": said["version"]}


def _compare(ask: Any, before: str, after: str) -> dict[str, Any]:
    deadline = time.monotonic() + _PATIENCE_S
    while (answer := ask("compare", before=before, after=after))["state"] == "running":
        if time.monotonic() > deadline:
            raise InputError(
                what="comparison",
                got=f"no result in {_PATIENCE_S:.0f} s",
                allowed="a brain with time for one",
                todo="ask again",
            )
        time.sleep(_LOOK_S)
    return dict(answer)


def _lines(answer: dict[str, Any]) -> list[str]:
    """An answer as text: tables one row a line, everything else `name: value`."""
    lines = []
    for name, value in answer.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            lines.append("\t".join(value[0]))
            lines += ["\t".join(_cell(cell) for cell in row.values()) for row in value]
        elif isinstance(value, dict):
            lines += [f"{name}, {key}: {_cell(inner)}" for key, inner in value.items()]
        else:
            lines.append(f"{name}: {_cell(value)}")
    return lines


def _cell(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_cell(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return ", ".join(_cell(inner) for inner in value)
    if value is None:
        return "-"
    return f"{value:g}" if isinstance(value, float) else str(value)
