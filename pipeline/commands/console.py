"""The command that serves the web console: console."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from drivers.errors import InputError
from pipeline.commands import options as o
from pipeline.commands.brain_options import arguments
from pipeline.console.settings import MOST_PORT, PORT

Port = Annotated[int, typer.Option("--port", help="Of the page; 0 takes a free one.")]
WithConsole = Annotated[
    bool, typer.Option("--console", help="Also serve a page that shows the brain and teaches it.")
]
ConsolePort = Annotated[
    int,
    typer.Option(
        "--console-port",
        min=0,
        max=MOST_PORT,
        help="Of the console's page; 0 takes a free one.",
    ),
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
    source_server_key: Annotated[
        Path | None,
        typer.Option("--source-server-key", help="Public CURVE key file of the source."),
    ] = None,
    secret_key: o.SecretKey = None,
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
        source_server_key=source_server_key,
        secret_key=secret_key,
    )
    require_console()
    from pipeline.console.server import run_console

    run_console(settings)
    raise typer.Exit(130)


def beside(
    port: int, log: Path | None = None, *, publish: str | None = None, control: str | None = None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a brain and the console beside it are told: addresses of a private folder, if not given.

    Raises `InputError` as `require_console` does.
    """
    require_console()
    from pipeline.addresses import ipc_address, private_run_directory

    folder = private_run_directory()
    publish = publish or ipc_address(folder, "said")
    control = control or ipc_address(folder, "control")
    shown = arguments({"connect": publish, "control": control, "port": port, "log": log})
    return arguments({"publish": publish, "control": control}), shown


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
