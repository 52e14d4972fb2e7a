"""A process that has loaded what takes long, and waits to become a stage of a session.

Starting Python, libraries and compiled code takes a brain about a second; what has them already
goes on in place of a stage that was killed after a few hundredths.
"""

from __future__ import annotations

import importlib
import logging
import os
import select
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import msgspec
import setproctitle

from drivers.errors import InputError
from models.errors import ModelError
from pipeline.children import Child, command_of, start_process

if TYPE_CHECKING:
    from pipeline.brain_settings import BrainSettings

STAND_BY = "--stand-by"
"""Option of `wigwag brain`."""
_LOADED = (
    "pipeline.source",
    "pipeline.recorder",
    "recordings.formats",
    "drivers.simulated_camera",
    "pipeline.console.server",
)


class _Told(msgspec.Struct, frozen=True):
    """What such a process is told at last: one line of JSON on its standard input."""

    arguments: list[str]
    """Of `wigwag`."""
    variables: dict[str, str]
    """Added to its environment."""


class Standby:
    """Such a process, seen from its session; closed, or else taken over by a `Child`."""

    def __init__(self, brain_arguments: Sequence[str], *, threads: int) -> None:
        """It loads what a brain with these arguments would.

        Raises `OSError` where the system has no room for another process.
        """
        command, *rest = brain_arguments
        self.threads = threads
        """Its numerical libraries have so many, whatever it becomes."""
        self._process = start_process((command, STAND_BY, *rest), threads=threads, told=True)

    @property
    def has_ended(self) -> bool:
        """Whether it is of no use any more: it was killed, most likely."""
        return self._process.poll() is not None

    def become(
        self, name: str, arguments: Sequence[str], variables: Mapping[str, str]
    ) -> Child | None:
        """Make it a stage of this name, now or in a moment; None where it has ended."""
        told = _Told(list(arguments), dict(variables))
        standard_input = self._process.stdin
        assert standard_input is not None
        try:
            with standard_input:
                standard_input.write(msgspec.json.encode(told) + b"\n")
        except BrokenPipeError:
            self.close()
            return None
        return Child(name, self._process)

    def close(self) -> None:
        """End it; nothing is lost with it."""
        Child("stand-by", self._process).close()


def stand_by(settings: BrainSettings) -> NoReturn:
    """Load what stages need, wait for standard input to say which one to be, and be it.

    Ends where standard input does: the session is over. Raises `InputError` for a line that says
    nothing of the kind.
    """
    _load(settings)
    logging.disable(logging.NOTSET)
    line = sys.stdin.buffer.readline()
    if not line:
        sys.exit(0)
    try:
        told = msgspec.json.decode(line, type=_Told)
    except msgspec.MsgspecError as error:
        raise InputError(
            what=f"standard input of {STAND_BY}",
            got=str(error),
            allowed="a line from the session that started this process",
            todo="leave it to wigwag live and adapt",
        ) from error
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), sys.stdin.fileno())
    os.environ.update(told.variables)
    sys.argv[1:] = told.arguments
    setproctitle.setproctitle(" ".join(command_of(told.arguments)))
    from pipeline.cli import main

    main()
    raise AssertionError("a command ends its process")


def _load(settings: BrainSettings) -> None:
    """Load what any stage needs, or until standard input says that one is wanted now.

    That one then loads what it needs itself, and need not wait for what others do.
    """
    # Whoever it becomes says all of this again.
    logging.disable(logging.INFO)
    for load in _parts(settings):
        if select.select([sys.stdin], [], [], 0)[0]:
            return
        # What cannot be loaded is told by whichever stage needs it; another one may do without.
        with suppress(ImportError, InputError, ModelError, OSError, RuntimeError):
            load()


def _parts(settings: BrainSettings) -> Iterator[Callable[[], object]]:
    """What there is to load, that of most stages first."""
    from pipeline.intake import Intake

    yield Intake.warm_up
    for apart in settings.apart():
        yield partial(_load_engine, apart)
    for module in _LOADED:
        yield partial(importlib.import_module, module)
    from pipeline import event_filters

    yield event_filters.warm_up


def _load_engine(settings: BrainSettings) -> None:
    from models.engines import runs_on_cpu
    from pipeline.brain import load_chosen_engine

    if settings.engine == "events" or runs_on_cpu(settings.device):
        load_chosen_engine(settings)
    else:  # a GPU's memory is the brain's
        importlib.import_module("models.torch_engine")
