"""What a preview costs the brain: a step alone and one with a preview, taking turns in one process.

    python benchmarks/preview.py [CHECKPOINT]

The bundled simulated session goes through twice at a time, a stretch of frames without and the
same with a preview that somebody looks at (packets drawn, spikes sampled, 30 previews a second of
the stream encoded). Printed are medians per millisecond of the stream and their ratio.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from models.checkpoint_file import read_checkpoint
from models.events_engine import EventsEngine
from models.live_learning import ONLINE
from pipeline.binning import FrameBinner, centred_view
from pipeline.brain_settings import shipped_checkpoint
from pipeline.preview import PER_SECOND, Preview
from recordings.formats import open_recording

SAMPLE = Path(__file__).resolve().parent.parent / "recordings/samples/simulated-session.aedat4"
STRETCH_MS = 200
STRETCHES = 60
FIGURES = {"counts": [0] * 11, "events_in": 10**6, "frames": 10**5, "updates": 10**4}


def main() -> None:
    """Measure and print."""
    checkpoint = Path(sys.argv[1]) if len(sys.argv) > 1 else shipped_checkpoint()
    engine = EventsEngine(read_checkpoint(checkpoint), ONLINE)
    settings = engine.settings
    preview = Preview()
    packets = list(open_recording(SAMPLE, packet_us=1000, stop_us=STRETCHES * STRETCH_MS * 1000))
    sensor = packets[0].sensor
    view = centred_view(sensor, settings.width, settings.height)
    binner = FrameBinner(sensor, view)
    frames = [
        frame.copy() for packet in packets for part in binner.iter_push(packet) for frame in part
    ]
    spent: dict[bool, list[float]] = {False: [], True: []}
    sizes = []
    every = 1000 // PER_SECOND
    for begin in range(0, len(frames) - STRETCH_MS, STRETCH_MS):
        first = begin // STRETCH_MS % 2 == 1
        for shown in (first, not first):
            preview.want(shown)
            start = time.perf_counter_ns()
            for number in range(begin, begin + STRETCH_MS):
                if preview.wanted:
                    preview.see(packets[number])
                engine.step(frames[number], None)
                if preview.wanted:
                    preview.step(engine, 0)
                    if number % every == 0:
                        sizes.append(len(preview.take(number * 1000, view, FIGURES)))
            spent[shown].append((time.perf_counter_ns() - start) / STRETCH_MS / 1000)
    alone, shown_us = (statistics.median(spent[kind]) for kind in (False, True))
    pairs = zip(spent[False], spent[True], strict=True)
    extra = statistics.median(with_it - without for without, with_it in pairs)
    sys.stdout.write(
        f"{checkpoint.stem}: step {alone:.1f} us, with a preview {shown_us:.1f} us "
        f"(ratio {shown_us / alone:.2f}, {extra:.1f} us more: {extra / 10:.2f} % of real time); "
        f"{statistics.mean(sizes) / 1024:.0f} KiB a preview\n"
    )


if __name__ == "__main__":
    main()
