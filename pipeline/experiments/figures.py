"""Figures, drawn by matplotlib where it is installed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from drivers.errors import InputError, in_words


def need_matplotlib() -> None:
    """Raise `InputError` at once, and not after an hour of learning, where it is missing."""
    _pyplot()


def new_figure(rows: int = 1, columns: int = 1, *, width: float = 6.4, height: float = 4.0) -> Any:
    """A figure with its axes, as matplotlib's `subplots` gives them; sizes in inches."""
    return _pyplot().subplots(rows, columns, figsize=(width, height), layout="constrained")


def draw_confusion(axes: Any, confusion: npt.NDArray[np.int64], names: Sequence[str]) -> None:
    """A confusion matrix with its counts; rows are the true classes."""
    axes.imshow(confusion, cmap="Blues")
    for row, column in np.argwhere(confusion):
        shade = "white" if confusion[row, column] > confusion.max() / 2 else "black"
        axes.text(
            column, row, confusion[row, column], ha="center", va="center", size=7, color=shade
        )
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)


def save_figure(figure: Any, path: Path) -> Path:
    """Write a figure whose name says PNG or SVG, and forget it; raises `InputError`."""
    try:
        # No date, so that equal figures are equal files.
        metadata = {"Date": None} if path.suffix == ".svg" else None
        figure.savefig(path, dpi=90, metadata=metadata)
    except OSError as error:
        raise InputError(
            what=f"figure {path}",
            got=in_words(error),
            allowed="a folder that can be written",
            todo="choose another --out",
        ) from error
    _pyplot().close(figure)
    return path


def _pyplot() -> Any:
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise InputError(
            what="figures",
            got="no package matplotlib",
            allowed="matplotlib 3.10 or later",
            todo="install it, or wigwag with its extra: pip install 'wigwag[plots]'",
        ) from error
    mpl.use("agg")  # no display is needed
    mpl.rcParams |= {
        "svg.hashsalt": "wigwag",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    from matplotlib import pyplot

    return pyplot
