"""Cameras by name. Kinds plug in through Python entry points of the group `wigwag.cameras`.

An entry point names a function that takes its options as keyword arguments, all of them text with
a default, and gives an `EventSource`; `docs/cameras.md` has an example. A source that has an
attribute `live`, true, sets its own pace, and is opened again if it goes away; packets of others
are given out in their own time. One with `real_sensor`, true, has hot pixels.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from drivers.errors import InputError, in_words
from drivers.events import EventSource
from drivers.reconnecting import ReconnectingCamera

GROUP = "wigwag.cameras"

EXTRAS = {"inivation": "dv_processing", "prophesee": "neuromorphic_drivers"}
"""Kinds that need an extra of the same name, with the package that it brings."""


def camera_kinds() -> tuple[str, ...]:
    """Names of all kinds that are installed."""
    return tuple(sorted({point.name for point in entry_points(group=GROUP)}))


def open_camera(text: str) -> EventSource:
    """Open `KIND`, `KIND:OPTION=VALUE,OPTION=VALUE`, or the film with this path.

    Raises `InputError` for an unknown kind or option, a package that the kind needs and that is
    not installed, and whatever the camera itself refuses: a `ValueError` on its options too.
    """
    kind, _, rest = text.partition(":")
    points = entry_points(group=GROUP, name=kind)
    if not points:
        if Path(text).suffix:
            from drivers.camera_kinds import open_film

            return open_film(text)
        raise InputError(
            what="camera",
            got=repr(text),
            allowed=f"{', '.join(camera_kinds())}, or the path of a film",
            todo="choose one of these, or install the package that brings this kind",
        )
    try:
        opener: Callable[..., EventSource] = next(iter(points)).load()
    except ImportError as error:
        raise InputError(
            what=f"camera {kind}",
            got=f"no package {error.name or in_words(error)}",
            allowed="a kind whose packages are installed",
            todo=f"install it: {how_to_install(kind, error.name)}",
        ) from error
    options = _options(kind, rest, opener)
    try:
        opened = opener(**options)
    except ValueError as error:
        if isinstance(error, InputError) or not options:
            raise
        raise InputError(
            what=f"camera {kind}",
            got=f"the options {rest[:80]!r}: {error}",
            allowed="options as this kind takes them",
            todo="change the options",
        ) from error
    if not getattr(opened, "live", False):
        return opened
    # Opened once already, so that whatever is wrong is said now.
    return ReconnectingCamera(_first(opened, lambda: opener(**options)))


def how_to_install(kind: str, package: str | None) -> str:
    """The command that brings what a kind of camera needs."""
    return f"pip install 'wigwag[{kind}]'" if kind in EXTRAS else f"pip install {package or kind}"


def number(what: str, text: str, low: float, high: float) -> float:
    """A number from an option's text; raises `InputError` outside `low` to `high`."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise InputError(
            what=what, got=repr(text), allowed=f"{low:g} to {high:g}", todo="change the option"
        )
    return value


def _first(opened: EventSource, again: Callable[[], EventSource]) -> Callable[[], EventSource]:
    """Gives what is open already the first time it is called, and then opens it again."""
    waiting = [opened]
    return lambda: waiting.pop() if waiting else again()


def _options(kind: str, text: str, opener: Callable[..., Any]) -> dict[str, str]:
    known = tuple(inspect.signature(opener).parameters)
    found: dict[str, str] = {}
    for part in filter(None, text.split(",")):
        name, equals, value = part.partition("=")
        if not equals or name not in known:
            raise InputError(
                what=f"option of camera {kind}",
                got=repr(part),
                allowed=", ".join(f"{one}=..." for one in known) or "none",
                todo="write KIND:OPTION=VALUE,OPTION=VALUE",
            )
        found[name] = value
    return found
