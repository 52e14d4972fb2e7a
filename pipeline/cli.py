"""The command `wigwag`: what it is called, how it fails. The commands are in `commands/`.

Exit status: 0 all went well, 1 an internal error, 2 bad input (a file, an option, a message, a
device), 130 interrupted, 143 terminated. Bad input is one line on standard error; `--verbose`
shows the stack.
Without arguments it shows its help.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
import traceback
from contextlib import suppress
from types import FrameType
from typing import Annotated, Any

import typer

from drivers.errors import InputError, in_words
from models.errors import ModelError
from pipeline import logs
from pipeline.commands import (
    adapt,
    bench,
    console,
    demo,
    devices,
    experiment,
    files,
    filters,
    keys,
    learn,
    run,
    stages,
    status,
    teach,
)
from pipeline.standard_output import empty_stdout, leave_stdout, refuse_closed_stdout

app = typer.Typer(
    name="wigwag",
    help="Gesture recognition with event cameras that goes on learning while it runs.\n\n"
    "Exit status: 0 fine, 1 internal error, 2 bad input, 130 interrupted, 143 terminated.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"max_content_width": 100},
    rich_markup_mode=None,  # its boxes take longer to import than everything else in --help
    add_completion=False,
)
COMMANDS = (
    run,
    stages,
    adapt,
    teach,
    console,
    status,
    devices,
    files,
    filters,
    learn,
    keys,
    demo,
    bench,
    experiment,
)
for module in COMMANDS:
    module.register(app)


_VERBOSE_VARIABLE = "WIGWAG_VERBOSE"
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
"""Errors of writing that are nobody's defect."""
_USAGE_ERROR: Any = typer.BadParameter.__mro__[1]
"""What all wrong options and arguments raise; typer names only some of its subclasses."""


@app.callback()
def options(
    context: typer.Context,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show the stack of an error.")] = False,
    log_json: Annotated[
        bool,
        typer.Option("--log-json", help="Standard error as JSON Lines; also by WIGWAG_LOG=json."),
    ] = False,
) -> None:
    """Options before the command."""
    if verbose:
        os.environ[_VERBOSE_VARIABLE] = "1"  # of child processes too
    logs.begin(context.invoked_subcommand or "wigwag", as_json=log_json)


def main() -> None:
    """Run `wigwag` with the arguments of this process, and exit."""
    signal.signal(signal.SIGTERM, _terminate)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as it is under nohup
        signal.signal(signal.SIGHUP, _hang_up)
    try:
        refuse_closed_stdout()
        # Not standalone: typer would put a wrong option into a box of many lines.
        status = app(sys.argv[1:] or ["--help"], prog_name="wigwag", standalone_mode=False)
        empty_stdout()
        sys.exit(status)
    except _USAGE_ERROR as error:
        command = error.ctx.command_path if error.ctx else "wigwag"
        _say(f"{error.format_message().rstrip('.')}; see `{command} --help`", 2)
    except (InputError, ModelError) as error:
        _say(error, 2)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        leave_stdout()
        sys.exit(130)
    except OSError as error:
        if error.errno not in _DISK:
            _say(error, 1)
        where = f" to {error.filename}" if error.filename else ""
        _say(
            f"writing{where}: got {in_words(error)}; allowed: a disk with room that can be "
            "written; make room, or choose another path",
            2,
        )
    except Exception as error:
        _say(error, 1)


def _terminate(_number: int, _frame: FrameType | None) -> None:
    """End with files and workers cleared up; stages that run on and on have their own handler."""
    raise SystemExit(128 + signal.SIGTERM)


def _hang_up(_number: int, _frame: FrameType | None) -> None:
    """A terminal that closes asks for an end as well: whatever hears SIGTERM hears this."""
    os.kill(os.getpid(), signal.SIGTERM)


def _say(error: Exception | str, status: int) -> None:
    # In the arguments too: options may be what is wrong.
    if "--verbose" in sys.argv or os.environ.get(_VERBOSE_VARIABLE):
        traceback.print_exc()
    text = " ".join(str(error).split()) or type(error).__name__
    if status == 1:
        text = f"internal error: {type(error).__name__}: {text} (--verbose shows where)"
    logs.say(text, "error")
    with suppress(OSError):  # of standard output: it may be what this is about
        empty_stdout()
    sys.exit(status)
