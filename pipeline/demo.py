"""`wigwag demo`: the main job on bundled recordings, then learning, with the commands it runs."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import msgspec

from drivers.errors import InputError
from pipeline.atomic_file import write_atomically
from pipeline.summary import RunSummary

SESSION = "simulated-session.aedat4"
SESSION_LABELS = "simulated-session_labels.csv"
FIRST_HALF = "simulated-newcomer-first-half.aedat4"
FIRST_LABELS = "simulated-newcomer-first-half_labels.csv"
SECOND_HALF = "simulated-newcomer-second-half.aedat4"
SECOND_LABELS = "simulated-newcomer-second-half_labels.csv"


class Adaptation(msgspec.Struct, frozen=True, kw_only=True):
    """Accuracy on the newcomer's second half, before and after learning from the first."""

    accuracy_before: float
    accuracy_after: float
    learning: RunSummary


class DemoSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What the demo found; `seconds` names its parts."""

    recognition: RunSummary
    adaptation: Adaptation
    seconds: dict[str, float]


@dataclass(frozen=True, slots=True)
class _Samples:
    folder: Path

    def __getitem__(self, name: str) -> str:
        path = self.folder / name
        if not path.is_file():
            raise InputError(
                what=f"sample {name}",
                got=f"no such file in {self.folder}",
                allowed="an installation with its samples",
                todo="install wigwag again",
            )
        return str(path)


def run_demo(*, speed: str, summary: Path | None) -> int:
    """Recognise a bundled session, then learn from a newcomer; returns the exit status.

    `speed` is that of the two streams that a user watches; the newcomer's second half is only
    scored, as fast as it goes (labels do not depend on speed).
    """
    samples = _Samples(Path(str(files("recordings"))) / "samples")
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="wigwag-demo-") as folder:
        learnt = Path(folder) / "learnt.safetensors"

        def replay(part: str, arguments: Sequence[str], *, quiet: bool = False) -> RunSummary:
            begin = time.monotonic()
            found = _replay(arguments, Path(folder) / "summary.json", quiet=quiet)
            seconds[part] = round(time.monotonic() - begin, 1)
            return found

        _say("1. Recognise: a simulated person performs all eleven gestures (shipped checkpoint).")
        recognition = replay(
            "recognition",
            [samples[SESSION], "--speed", speed, "--labels", samples[SESSION_LABELS]],
        )
        _say(
            "2. Learn: a simulated newcomer whom the checkpoint reads poorly.\n"
            "   First the second half of the newcomer's session, only scored."
        )
        score = [samples[SECOND_HALF], "--speed", "max", "--labels", samples[SECOND_LABELS]]
        before = replay("before", score, quiet=True)
        _say("   Now the first half with its labels: every frame of a gesture is learnt from.")
        learning = replay(
            "learning",
            [
                samples[FIRST_HALF],
                "--speed",
                speed,
                "--learn",
                samples[FIRST_LABELS],
                "--save",
                str(learnt),
            ],
        )
        _say("   And the second half again, with what was learnt.")
        after = replay("after", [*score, "--checkpoint", str(learnt)], quiet=True)
    found = DemoSummary(
        recognition=recognition,
        adaptation=Adaptation(
            accuracy_before=_accuracy(before), accuracy_after=_accuracy(after), learning=learning
        ),
        seconds=seconds,
    )
    _say(_closing(found, before, after))
    if summary is not None:
        write_atomically(summary, msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    return 0


def _replay(arguments: Sequence[str], summary: Path, *, quiet: bool) -> RunSummary:
    """Run `wigwag replay` as anybody would; its summary. Raises `InputError` if it fails."""
    _say("   $ wigwag replay " + " ".join(arguments))
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "replay", *arguments, "--summary", str(summary)],
        stdout=subprocess.DEVNULL if quiet else None,
        check=False,
    )
    if done.returncode == 130:
        raise KeyboardInterrupt
    if done.returncode:
        raise InputError(
            what="wigwag replay",
            got=f"exit status {done.returncode}",
            allowed="0",
            todo="see its message above",
        )
    return msgspec.json.decode(summary.read_bytes(), type=RunSummary)


def _accuracy(summary: RunSummary) -> float:
    return summary.accuracy if summary.accuracy is not None else 0.0


def _closing(found: DemoSummary, before: RunSummary, after: RunSummary) -> str:
    lines = ["Summary (all people here are simulated)", ""]
    lines.append(f"   {'performed':<28}{'session':<28}{'newcomer before':<28}newcomer after")
    names = {result.true_class: result.true_label for result in found.recognition.gestures}
    for number, name in sorted(names.items()):
        cells = [
            ", ".join(
                result.got_label if result.got_class != number else "right"
                for result in run.gestures
                if result.true_class == number
            )
            for run in (found.recognition, before, after)
        ]
        lines.append(f"   {name:<28}{cells[0]:<28}{cells[1]:<28}{cells[2]}")
    run, learning = found.recognition, found.adaptation.learning
    lines += [
        "",
        f"   session: {run.events_in:,} events in, {run.events_binned:,} binned, "
        f"{run.events_lost} lost; {run.frames:,} frames, {run.steps_per_s:,.0f} steps per second; "
        f"bin-to-label latency p50 {run.latency_p50_ms:.1f} ms, p99 {run.latency_p99_ms:.1f} ms",
        f"   session: {_accuracy(run):.0%} of the gestures right",
        f"   learning: {learning.updates:,} weight updates in {learning.stream_s:.0f} s of stream, "
        f"{learning.steps_per_s:,.0f} steps per second",
        f"   newcomer, second half: {found.adaptation.accuracy_before:.0%} right before, "
        f"{found.adaptation.accuracy_after:.0%} after",
        "   time: " + ", ".join(f"{name} {value:.0f} s" for name, value in found.seconds.items()),
    ]
    return "\n".join(lines)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
