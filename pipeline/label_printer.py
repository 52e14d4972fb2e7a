"""Labels as people read them: one line whenever the answer changes."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, TextIO

from pipeline.labels import Label

if TYPE_CHECKING:
    from rich.console import Console


class LabelPrinter:
    """Prints time, label and confidence; in colour where there is a terminal, plain elsewhere."""

    def __init__(self, stream: TextIO, *, named: bool = False) -> None:
        """`named`: each line says its source, for there are several."""
        self._stream = stream
        self._named = named

    @cached_property
    def console(self) -> Console:
        """Loaded where something is printed: a brain that says JSON needs none."""
        from rich.console import Console

        return Console(file=self._stream, highlight=False, soft_wrap=True)

    def show(self, label: Label) -> None:
        """Print the label if it changed."""
        if not label.changed:
            return
        moment, share = f"{label.t_us / 1e6:11.3f} s", f"{label.confidence:4.0%}"
        source = f"{label.source}  " if self._named else ""
        if self.console.is_terminal:
            from rich.text import Text

            style = "bold green" if label.gesture_class else "dim"
            self.console.print(
                Text.assemble(
                    source,
                    (moment, "cyan"),
                    "  ",
                    (f"{label.label:<28}", style),
                    "  ",
                    (share, "cyan"),
                )
            )
        else:
            self._stream.write(f"{source}{moment}  {label.label:<28}  {share}\n")
            self._stream.flush()
