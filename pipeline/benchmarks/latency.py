"""`wigwag bench latency`: bin to label, onset to label, and start to first label, run for real."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from pipeline.benchmarks.inputs import full_network, labels_of, recording_of
from pipeline.benchmarks.rows import Row, Table, row_of
from pipeline.benchmarks.settings import BenchSettings
from pipeline.benchmarks.stages import running_stages
from pipeline.benchmarks.stalls import measure_stalls
from pipeline.benchmarks.startup import measure_startup
from pipeline.labels import Label, decode_label
from pipeline.summary import RunSummary, decode_summary
from recordings.inspect import inspect_recording
from recordings.labels import GestureInterval, read_label_file

_STALLS_S = 15.0


@dataclass(frozen=True, slots=True)
class Pass:
    """One run of the recording through the stages."""

    summary: RunSummary
    labels: tuple[Label, ...]
    watched: int
    """Labels that reached the watcher."""


def measure(settings: BenchSettings) -> Iterator[Table]:
    """Inferring and learning in turn, as often as fits into `settings.seconds`; then the machine's
    own stalls, and start-up.
    """
    recording, called = recording_of(settings)
    file = labels_of(settings)
    length_s = max(1.0, (inspect_recording(recording).duration_us or 0) / 1e6)
    stop_s = min(length_s + 1, settings.seconds)
    modes = {"inferring": ()} | ({"learning": (f"--learn={file}",)} if file else {})
    passes: dict[str, list[Pass]] = {mode: [] for mode in modes}
    with tempfile.TemporaryDirectory(prefix="wigwag-bench-") as folder:
        checkpoint, network = full_network(settings, Path(folder))
        for _ in range(max(1, round(settings.seconds / length_s))):
            for mode, options in modes.items():
                passes[mode].append(_run(recording, checkpoint, options, stop_s, settings.threads))
        for mode, runs in passes.items():
            yield _table(mode, runs, read_label_file(file) if file else [], f"{called}; {network}")
        yield measure_stalls(min(_STALLS_S, settings.seconds))
        yield measure_startup(settings, recording, checkpoint)


def onsets_ms(labels: Sequence[Label], gestures: Sequence[GestureInterval]) -> list[float]:
    """From each gesture's onset to the first label of its class during it, in milliseconds.

    In stream time up to the end of the frame that decided, by the clock from there on. Gestures
    that never got their label are left out.
    """
    found = []
    for gesture in gestures:
        for label in labels:
            if (
                gesture.t_begin_us < label.t_us <= gesture.t_end_us
                and label.gesture_class == gesture.gesture_class
            ):
                found.append((label.t_us - gesture.t_begin_us + label.latency_us) / 1000)
                break
    return found


def _run(
    recording: Path, checkpoint: Path, options: Sequence[str], stop_s: float, threads: int
) -> Pass:
    labels: list[Label] = []
    watched = 0
    summary: RunSummary | None = None
    with running_stages(
        recording,
        checkpoint,
        source=(f"--stop={stop_s}",),
        brain=options,
        threads=threads,
    ) as stages:
        for stage, line in stages.until_brain_ends():
            if stage == "watcher":
                watched += line.startswith(b'{"label"')
            elif stage == "brain":
                summary = decode_summary(line) or summary
                if not line.startswith(b'{"summary"'):
                    labels.append(decode_label(line))
    if summary is None:
        raise RuntimeError("the brain ended without a summary")
    return Pass(summary, tuple(labels), watched)


def _table(
    mode: str, runs: Sequence[Pass], gestures: Sequence[GestureInterval], used: str
) -> Table:
    rows: list[Row] = []
    for name, field in (
        ("p50", "latency_p50_ms"),
        ("p99", "latency_p99_ms"),
        ("p99.9", "latency_p999_ms"),
        ("largest", "latency_max_ms"),
    ):
        values = [value for run in runs if (value := getattr(run.summary, field)) is not None]
        if values:
            rows.append(row_of(f"bin to label, {name}", "of all frames of a run", "ms", values))
    seen = [
        gesture for gesture in gestures if gesture.t_end_us <= max(_last_us(run) for run in runs)
    ]
    onsets = [onset for run in runs for onset in onsets_ms(run.labels, seen)]
    if onsets:
        rows.append(row_of("onset to label", "of each gesture's own class", "ms", onsets))
    frames = sum(run.summary.frames for run in runs)
    skipped = sum(run.summary.frames_skipped for run in runs)
    unlearnt = sum(run.summary.learning_skipped for run in runs)
    lost = sum(run.summary.events_lost for run in runs)
    return Table(
        f"live at 1 kHz, {mode}",
        tuple(rows),
        notes=(
            f"input: {used}; {len(runs)} runs of source, brain and watcher",
            f"frames {frames:,}, skipped {skipped:,}; learning skipped {unlearnt:,}; events lost "
            f"{lost:,}; updates {sum(run.summary.updates for run in runs):,}",
            f"labels {sum(len(run.labels) for run in runs):,}, of which "
            f"{sum(run.watched for run in runs):,} reached the watcher",
            f"gestures labelled rightly during them: {len(onsets)} of {len(seen) * len(runs)}",
            f"engine alone: {median(run.summary.engine_steps_per_s for run in runs):,.0f} steps/s",
        ),
    )


def _last_us(run: Pass) -> int:
    return max((label.t_us for label in run.labels), default=0)
