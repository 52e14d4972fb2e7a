"""The command `wigwag`: what it is called, how it fails. The commands are in `commands/`.

Exit status: 0 all went well, 1 an internal error, 2 bad input (a file, an option, a message, a
device), 130 interrupted. Bad input is one line on standard error; `--verbose` shows the stack.
"""

from __future__ import annotations

import sys
import traceback
from typing import Annotated

import typer

from drivers.errors import InputError
from models.errors import ModelError
from pipeline.commands import demo, files, learn, run

app = typer.Typer(
    name="wigwag",
    help="Gesture recognition with event cameras that goes on learning while it runs.\n\n"
    "Exit status: 0 fine, 1 internal error, 2 bad input, 130 interrupted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for module in (run, files, learn, demo):
    module.register(app)


@app.callback()
def options(
    verbose: Annotated[bool, typer.Option("--verbose", help="Show the stack of an error.")] = False,
) -> None:
    """Options before the command."""


def main() -> None:
    """Run `wigwag` with the arguments of this process, and exit."""
    try:
        app(prog_name="wigwag")
    except (InputError, ModelError) as error:
        _say(error, 2)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        _say(error, 1)


def _say(error: Exception, status: int) -> None:
    if "--verbose" in sys.argv:
        traceback.print_exc()
    text = " ".join(str(error).split()) or type(error).__name__
    if status == 1:
        text = f"internal error: {type(error).__name__}: {text} (--verbose shows where)"
    sys.stderr.write(f"wigwag: {text}\n")
    sys.exit(status)
