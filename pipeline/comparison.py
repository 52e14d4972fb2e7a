"""Two versions read the same clips, in a process of its own: `python -m pipeline.comparison`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import msgspec

from pipeline.children import THREAD_VARIABLES
from pipeline.clips import Clip, read_clips
from pipeline.decisions import FRAME_US
from pipeline.gesture_score import GestureScore
from pipeline.targets import BURN_IN_US


class Comparison:
    """One that runs, or has run."""

    def __init__(self, asked: tuple[object, ...], before: Path, after: Path, clips: Path) -> None:
        """Begin to compare two checkpoints on all clips of a folder."""
        self.asked = asked
        room = str(Path(__file__).resolve().parent.parent)
        self._files = ExitStack()
        # Files, because what nobody reads yet must not fill a pipe.
        self._out, self._error = (
            self._files.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - it is one
            for _ in range(2)
        )
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.comparison", str(before), str(after), str(clips)],
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=self._error,
            env=os.environ | dict.fromkeys(THREAD_VARIABLES, "1") | {"PYTHONPATH": room},
            process_group=0,
        )

    def answer(self) -> dict[str, Any]:
        """The state, and what came out once it is `done` or `failed`."""
        if self._process.poll() is None:
            return {"state": "running"}
        out, error = (_content(file) for file in (self._out, self._error))
        if self._process.returncode:
            lines = error.decode("utf-8", "replace").strip().splitlines()
            return {"state": "failed", "error": lines[-1] if lines else "it was ended"}
        found: dict[str, Any] = msgspec.json.decode(out)
        return {"state": "done"} | found

    def close(self) -> None:
        """End it if it still runs."""
        self._process.kill()
        self._process.wait()
        self._files.close()


def _content(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def compare(before: Path, after: Path, folder: Path) -> dict[str, Any]:
    """Per clip whether each checkpoint reads it right, and by class the share of such clips."""
    clips = [clip for path in sorted(folder.glob("*.npz")) for clip in read_clips(path)]
    sides = [_read_all(checkpoint, clips) for checkpoint in (before, after)]
    rows = [
        {"class": clip.class_name, "t_us": clip.t_us, "before": old, "after": new}
        for clip, old, new in zip(clips, *sides, strict=True)
    ]
    classes = {}
    for name in dict.fromkeys(clip.class_name for clip in clips):
        of_class = [row for row in rows if row["class"] == name]
        classes[name] = {
            side: sum(bool(row[side]) for row in of_class) / len(of_class)
            for side in ("before", "after")
        }
    return {"classes": classes, "clips": rows}


def _read_all(checkpoint: Path, clips: list[Clip]) -> list[bool]:
    from models.engines import load_engine

    engine = load_engine(checkpoint, device="cpu")
    shape = (engine.settings.input_channels, engine.settings.height, engine.settings.width)
    right = []
    for clip in clips:
        engine.reset()
        score = GestureScore(engine.settings)
        for number in range(len(clip.bits)):
            result = engine.step(clip.frame(number, shape), None)
            if number >= BURN_IN_US // FRAME_US:
                score.add(result.votes, result.shares)
        right.append(engine.class_names[score.winner] == clip.class_name)
    return right


def main() -> None:
    """Compare what the command line names; JSON on standard output."""
    os.nice(10)
    before, after, clips = (Path(text) for text in sys.argv[1:])
    sys.stdout.buffer.write(msgspec.json.encode(compare(before, after, clips)))


if __name__ == "__main__":
    main()
