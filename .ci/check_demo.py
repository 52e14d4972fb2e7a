"""Check the summary that `wigwag demo --speed max --summary FILE` wrote: nothing lost, and learnt.

Exits with 1 and one line per fault.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def stream_faults(name: str, summary: dict[str, Any]) -> list[str]:
    """What is wrong with the closing summary of one replay."""
    faults = []
    if not summary["events_in"] > 0:
        faults.append(f"{name}: no events came in")
    if summary["events_in"] != summary["events_binned"]:
        faults.append(
            f"{name}: {summary['events_in']} events in, {summary['events_binned']} binned"
        )
    faults += [
        f"{name}: {field} is {summary[field]}, not 0"
        for field in ("events_lost", "events_late")
        if summary[field] != 0
    ]
    faults += [
        f"{name}: {field} is {summary[field]}, not above 0"
        for field in ("frames", "labels", "steps_per_s")
        if not summary[field] > 0
    ]
    return faults


def demo_faults(demo: dict[str, Any]) -> list[str]:
    """What is wrong with the whole demo."""
    adaptation = demo["adaptation"]
    before, after = adaptation["accuracy_before"], adaptation["accuracy_after"]
    faults = stream_faults("recognition", demo["recognition"])
    faults += stream_faults("learning", adaptation["learning"])
    if not adaptation["learning"]["updates"] > 0:
        faults.append("learning: no weight update was made")
    if not 0.0 <= before < after <= 1.0:
        faults.append(f"adaptation: accuracy {before} before, {after} after: not better")
    return faults


def main() -> int:
    """Check the file named on the command line."""
    demo = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    try:
        faults = demo_faults(demo)
    except (KeyError, TypeError) as error:
        faults = [f"the summary lacks a field or holds something else in it: {error!r}"]
    for fault in faults:
        sys.stderr.write(f"demo: {fault}\n")
    if not faults:
        adaptation = demo["adaptation"]
        sys.stdout.write(
            f"demo: {demo['recognition']['events_in']} events in and binned, none lost; accuracy "
            f"{adaptation['accuracy_before']:.2f} before, {adaptation['accuracy_after']:.2f} after "
            f"learning; {demo['seconds']}\n"
        )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
