"""The closing summary of a run: what came in, what was made of it, what was lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from pipeline.atomic_file import write_atomically
from pipeline.gesture_result import GestureResult

if TYPE_CHECKING:
    from rich.console import Console

Ending = Literal["end of stream", "stopped", "interrupted"]


class LookedAt(msgspec.Struct, frozen=True):
    """A part of the sensor that the model looked at, in pixels, from a time of the stream on."""

    t_us: int
    x: int
    y: int
    width: int
    height: int
    cell: int
    """Side of the square of pixels that is one input of the model."""


class RunSummary(msgspec.Struct, frozen=True, kw_only=True):
    """Counters of one brain from its start to its end.

    `events_in == events_binned + events_outside_view + events_late + events_invalid` always.
    """

    ended: Ending
    source: str | None
    model_version: str
    events_in: int
    events_binned: int
    events_outside_view: int
    events_late: int
    events_invalid: int
    events_lost: int
    """Lost before they came here, as counted by the source and from what its end message says."""
    events_removed: dict[str, int]
    """Left out by the source's filters, by filter, as its end message says."""
    packets: int
    packets_missed: int
    """Gaps in the sequence numbers."""
    refused: dict[str, int]
    """Messages that were not understood, by reason."""
    damage: str | None
    """What the source said was broken in its file."""
    views: tuple[LookedAt, ...]
    """All that was looked at: given as `--view X,Y,SIDE@SECONDS`, a replay sees the same frames."""
    frames: int
    frames_skipped: int
    """Frames that a brain fallen behind a live source left out."""
    learning_skipped: int
    """Frames with a target that such a brain did not learn from."""
    labels: int
    updates: int
    stream_s: float
    """Length of the stream, in its own time."""
    wall_s: float
    """From the first packet to the end."""
    steps_per_s: float
    """Frames per second of wall time: never more than the source gives."""
    engine_steps_per_s: float
    """Frames per second of time spent in the engine: what it could do."""
    latency_p50_ms: float | None
    """From the sending of the packet that closed a frame to the decision; None: no frame."""
    latency_p99_ms: float | None
    latency_p999_ms: float | None
    latency_max_ms: float | None
    accuracy: float | None
    """Share of the labelled gestures that were seen and recognised; None without labels."""
    layer_accuracies: tuple[float, ...] | None
    gestures: tuple[GestureResult, ...]
    saved: str | None
    """Version of the checkpoint written at the end."""
    gaps: int = 0
    """How often the stream was cut off, as labels say it: a source was started again before its
    end, or the session started a stage again before this brain."""
    sources: tuple[RunSummary, ...] = ()
    """Of several sources, each one's; what stands above is all of them together."""
    restarts: dict[str, int] = {}
    """How often a session started its stages again, by stage."""
    labels_in_all: int | None = None
    """All labels that a session said whose brain was started again and went on; all figures but
    this, `gaps` and `restarts` are then those since it was started last. None for others."""


def encode_summary(summary: RunSummary) -> bytes:
    """The line that closes a brain's JSON Lines: `{"summary": {...}}`."""
    return msgspec.json.encode({"summary": summary}) + b"\n"


def decode_summary(line: bytes) -> RunSummary | None:
    """The summary in a line that `encode_summary` wrote; None for any other line."""
    if not line.startswith(b'{"summary":'):
        return None
    return msgspec.json.decode(line, type=dict[str, RunSummary])["summary"]


def write_summary(path: Path, summary: RunSummary) -> None:
    """Keep the summary as indented JSON, whole or not at all; raises `InputError`."""
    write_atomically(path, msgspec.json.format(msgspec.json.encode(summary), indent=2) + b"\n")


def summary_rows(summary: RunSummary) -> Iterator[tuple[str, str]]:
    """Name and value of everything worth reading, in reading order."""
    yield "ended by", summary.ended
    for stage, count in sorted(summary.restarts.items()):
        yield f"times that the {stage} was killed and started again", f"{count:,}"
    if summary.gaps:
        yield "times that the stream was cut off", f"{summary.gaps:,}"
    if summary.labels_in_all is not None:
        yield "labels in all", f"{summary.labels_in_all:,}"
        yield "what follows", "since the brain was started again"
    yield "events in", f"{summary.events_in:,}"
    yield "events binned", f"{summary.events_binned:,}"
    for name, count in (
        ("events outside the view", summary.events_outside_view),
        ("events invalid", summary.events_invalid),
    ):
        if count:
            yield name, f"{count:,}"
    yield "events late / lost", f"{summary.events_late:,} / {summary.events_lost:,}"
    for filter_name, count in sorted(summary.events_removed.items()):
        yield f"events removed by the source: {filter_name}", f"{count:,}"
    if summary.packets_missed:
        yield "packets missed", f"{summary.packets_missed:,}"
    for reason, count in sorted(summary.refused.items()):
        yield f"messages refused: {reason}", f"{count:,}"
    if summary.damage:
        yield "damage", summary.damage
    for view in summary.views:
        since = f" from {view.t_us / 1e6:.3f} s on" if len(summary.views) > 1 else ""
        yield "view", f"{view.width}x{view.height}+{view.x}+{view.y} by {view.cell}{since}"
    yield "frames", f"{summary.frames:,}"
    if summary.frames_skipped or summary.learning_skipped:
        yield (
            "fell behind: frames / learning skipped",
            f"{summary.frames_skipped:,} / {summary.learning_skipped:,}",
        )
    yield (
        "steps per second",
        f"{summary.steps_per_s:,.0f} (engine alone {summary.engine_steps_per_s:,.0f})",
    )
    quantiles_ms = (summary.latency_p50_ms, summary.latency_p99_ms, summary.latency_p999_ms)
    if None not in quantiles_ms:
        yield (
            "bin-to-label latency p50 / p99 / p99.9",
            " / ".join(f"{quantile_ms:.1f}" for quantile_ms in quantiles_ms) + " ms",
        )
    yield "labels", f"{summary.labels:,}"
    yield "weight updates", f"{summary.updates:,}"
    for one in summary.sources:
        yield (
            f"source {one.source or 'that never came'}",
            f"{one.frames:,} frames of {one.events_in:,} events, {one.labels:,} labels, "
            f"{one.events_lost:,} events lost, {one.frames_skipped:,} frames skipped",
        )
    if summary.saved:
        yield "saved checkpoint", summary.saved
    if summary.accuracy is not None and summary.layer_accuracies is not None:
        seen = [result for result in summary.gestures if result.frames]
        right = sum(result.got_class == result.true_class for result in seen)
        yield "gestures right", f"{right} of {len(seen)} ({summary.accuracy:.1%})"
        yield (
            "by layer, from the lowest",
            " / ".join(f"{share:.1%}" for share in summary.layer_accuracies),
        )


def print_summary(summary: RunSummary, console: Console) -> None:
    """Two tables where there is a terminal, plain lines elsewhere."""
    if not console.is_terminal:
        for name, value in summary_rows(summary):
            _plain(console, f"{name}: {value}")
        for result in summary.gestures:
            _plain(console, f"gesture at {_interval(result)}: {result.true_label}: {_got(result)}")
        return
    from rich.table import Table

    table = Table(title="summary", show_header=False)
    for name, value in summary_rows(summary):
        table.add_row(name, value)
    console.print(table)
    if summary.gestures:
        table = Table("seconds", "performed", "recognised", title="gestures")
        for result in summary.gestures:
            colour = "green" if result.got_class == result.true_class else "red"
            table.add_row(_interval(result), result.true_label, f"[{colour}]{_got(result)}")
        console.print(table)


def _plain(console: Console, text: str) -> None:
    options: dict[str, Any] = {"markup": False, "highlight": False, "soft_wrap": True}
    console.print(text, **options)


def _interval(result: GestureResult) -> str:
    return f"{result.t_begin_us / 1e6:.2f}-{result.t_end_us / 1e6:.2f}"


def _got(result: GestureResult) -> str:
    return f"{result.got_label} ({result.share:.0%})" if result.frames else "not seen"
