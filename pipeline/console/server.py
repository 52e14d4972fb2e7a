"""The console process: a web server on an address of this host, until it is interrupted."""

from __future__ import annotations

import socket
import threading

import uvicorn

from drivers.errors import InputError, in_words
from pipeline.addresses import check_address
from pipeline.console.app import Console
from pipeline.console.settings import ConsoleSettings, page_address
from pipeline.logs import say
from pipeline.process_guard import exit_with_parent, stopping_on_signals

MOST_BYTES = 8192
"""Of a message from a browser."""
_CONNECTIONS = 64
_PING_S = 5.0
_GRACE_S = 1


def run_console(settings: ConsoleSettings) -> None:
    """Serve until SIGINT or SIGTERM; says on standard error what to open.

    Raises `InputError` for addresses that cannot be used.
    """
    exit_with_parent()
    for address in (settings.connect, settings.control, settings.source_control):
        if address is not None:
            check_address(address)
    token = settings.needed_token()
    stop = threading.Event()
    with stopping_on_signals(stop), _listen(settings) as listening:
        server = uvicorn.Server(
            uvicorn.Config(
                Console(settings, token).app(),
                http="h11",
                ws="websockets-sansio",
                ws_max_size=MOST_BYTES,
                ws_ping_interval=_PING_S,
                ws_ping_timeout=2 * _PING_S,
                # Worth it where the bytes travel.
                ws_per_message_deflate=not settings.is_local,
                lifespan="on",
                log_config=None,
                log_level="error",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                limit_concurrency=_CONNECTIONS,
                timeout_graceful_shutdown=_GRACE_S,
            )
        )
        # Not in the main thread, which signals interrupt.
        serving = threading.Thread(
            target=server.run, kwargs={"sockets": [listening]}, name="web", daemon=True
        )
        serving.start()
        port = int(listening.getsockname()[1])
        # One that was given is known to whoever needs it, and stays out of logs.
        told = None if settings.token else token
        say(f"console at {page_address(settings.host, port, told)}")
        while serving.is_alive() and not stop.wait(0.2):
            pass
        ended_by_itself = not stop.is_set()
        server.should_exit = True
        serving.join(2 * _GRACE_S)
    if ended_by_itself:
        raise RuntimeError("the web server ended")


def _listen(settings: ConsoleSettings) -> socket.socket:
    """A socket that accepts; raises `InputError`."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _no_address(settings, error) from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen()
    except OSError as error:
        listening.close()
        raise _no_address(settings, error) from error
    return listening


def _no_address(settings: ConsoleSettings, error: OSError) -> InputError:
    return InputError(
        what=f"console address {settings.host}:{settings.port}",
        got=in_words(error),
        allowed="an address of this host and a port that is free",
        todo="choose another --host or --port (of live and adapt: --console-port); port 0 takes a "
        "free one",
    )
