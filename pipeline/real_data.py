"""Where real data lies, which wigwag never brings along."""

from __future__ import annotations

import os
from pathlib import Path

from drivers.errors import InputError

VARIABLE = "WIGWAG_DATA"
_BESIDE_THE_CHECKOUT = Path(__file__).resolve().parents[2] / "shared" / "data"


def find(given: Path | None, part: str) -> Path:
    """What the user named, or `part` of $WIGWAG_DATA, or of `../shared/data` beside the checkout.

    Raises `InputError` that says where it was looked for.
    """
    if given is not None:
        return given
    root = os.environ.get(VARIABLE)
    path = (Path(root) if root else _BESIDE_THE_CHECKOUT) / part
    if not path.exists():
        raise InputError(
            what=f"real data {part}",
            got=f"nothing at {path}",
            allowed="the original files",
            todo=f"name them: --data, or NAME:PLACE; or their parent folder with ${VARIABLE}",
        )
    return path
