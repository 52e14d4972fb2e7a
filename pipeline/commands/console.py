"""The command that serves the web console: console."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from drivers.errors import InputError
from pipeline.commands import options as o
from pipeline.console.settings import PORT

Port = Annotated[int, typer.Option("--port", help="Of the page; 0 takes a free one.")]
ConsolePort = Annotated[
    int, typer.Option("--console-port", help="Of the console's page; 0 takes a free one.")
]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(console)


def console(
    connect: Annotated[
        str, typer.Option("--connect", metavar="ADDR", help="Where the brain publishes.")
    ],
    control: Annotated[
        str, typer.Option("--control", metavar="ADDR", help="Where the brain answers requests.")
    ],
    source_control: Annotated[
        str | None,
        typer.Option(
            "--source-control", metavar="ADDR", help="Where the source does: pause, step, seek."
        ),
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            "--host", help="Address to listen on; beyond loopback only whoever has the token."
        ),
    ] = "127.0.0.1",
    port: Port = PORT,
    token: Annotated[
        str | None,
        typer.Option(
            "--token",
            envvar="WIGWAG_CONSOLE_TOKEN",
            help="What a browser must say; made up beyond loopback if left out.",
        ),
    ] = None,
    log: Annotated[
        Path | None, typer.Option("--log", help="A session's log, whose end is shown.")
    ] = None,
    insecure: o.Insecure = False,
    server_key: o.ServerKey = None,
) -> None:
    """Show a running brain in a browser, and teach it from there."""
    from pipeline.console.settings import ConsoleSettings

    settings = ConsoleSettings(
        connect=connect,
        control=control,
        source_control=source_control,
        host=host,
        port=port,
        token=token,
        log=log,
        insecure=insecure,
        server_key=server_key,
    )
    require_console()
    from pipeline.console.server import run_console

    run_console(settings)
    raise typer.Exit(130)


def require_console() -> None:
    """Raise `InputError` where the packages of the extra are not installed."""
    try:
        import starlette
        import uvicorn
        import websockets
    except ImportError as error:
        raise InputError(
            what="console",
            got=f"no package {error.name}",
            allowed="an installation with the extra `console`",
            todo="pip install 'wigwag[console]'",
        ) from error
    del starlette, uvicorn, websockets
