"""What a brain can say about itself: its closing summary and its status while it runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from pipeline.brain_control import view_figures
from pipeline.lane import Lane
from pipeline.latencies import Latencies
from pipeline.process_guard import restarts_before
from pipeline.scoring import accuracy, layer_accuracies
from pipeline.summary import Ending, LookedAt, RunSummary

_SAID_OF_EACH = ("source", "events_in", "events_lost", "frames", "frames_skipped")
_SAID_OF_ALL = (
    "source",
    "model_version",
    "events_in",
    "events_lost",
    "frames",
    "frames_skipped",
    "learning_skipped",
    "labels",
    "updates",
    "gaps",
    "steps_per_s",
    "latency_p50_ms",
    "latency_p99_ms",
    "latency_p999_ms",
    "latency_max_ms",
)


def build_summary(ended: Ending, lanes: Sequence[Lane], saved: Sequence[str]) -> RunSummary:
    """All counters of a run, as they stand; of several sources also those of each."""
    each = [_summary(ended, [lane], (), saved=None) for lane in lanes] if len(lanes) > 1 else []
    return _summary(ended, lanes, each, saved=", ".join(saved) or None)


def _summary(
    ended: Ending, lanes: Sequence[Lane], each: Sequence[RunSummary], *, saved: str | None
) -> RunSummary:
    """Of some lanes together; `each` are those of each of them."""
    engines = {id(lane.recogniser.engine): lane.recogniser.engine for lane in lanes}.values()
    binning = [lane.intake.counts for lane in lanes]
    intakes = [lane.intake for lane in lanes]
    counts = [lane.recogniser.counts for lane in lanes]
    wall_ns = max(lane.wall_ns for lane in lanes)
    latencies = Latencies.together([lane.latencies for lane in lanes])
    gestures = tuple(
        gesture
        for lane in lanes
        for gesture in lane.recogniser.trials.results(lane.recogniser.engine.class_names)
    )
    frames = sum(count.frames for count in counts)
    return RunSummary(
        ended=ended,
        source=", ".join(lane.source for lane in lanes if lane.source is not None) or None,
        model_version=", ".join(dict.fromkeys(engine.version for engine in engines)),
        events_in=sum(count.events_in for count in binning),
        events_binned=sum(count.events_binned for count in binning),
        events_outside_view=sum(count.events_outside_view for count in binning),
        events_late=sum(count.events_late for count in binning),
        events_invalid=sum(count.events_invalid for count in binning),
        events_lost=sum(intake.events_lost for intake in intakes),
        events_removed=_sums(intake.removed for intake in intakes),
        packets=sum(intake.packets for intake in intakes),
        packets_missed=sum(intake.packets_missed for intake in intakes),
        refused=_sums(intake.refused for intake in intakes),
        damage="; ".join(said for intake in intakes for said in intake.damage) or None,
        views=tuple(
            LookedAt(t_us, **view_figures(view))
            for intake in intakes
            for t_us, view in intake.looked
        ),
        frames=frames,
        frames_skipped=sum(count.frames_skipped for count in counts),
        learning_skipped=sum(count.learning_skipped for count in counts),
        labels=sum(count.labels for count in counts),
        updates=sum(engine.updates for engine in engines),
        stream_s=sum(intake.stream_us for intake in intakes) / 1e6,
        wall_s=wall_ns / 1e9,
        steps_per_s=_per_second(frames, wall_ns),
        engine_steps_per_s=_per_second(frames, sum(count.engine_ns for count in counts)),
        latency_p50_ms=latencies.quantile_ms(0.5),
        latency_p99_ms=latencies.quantile_ms(0.99),
        latency_p999_ms=latencies.quantile_ms(0.999),
        latency_max_ms=latencies.quantile_ms(1.0),
        accuracy=accuracy(gestures),
        layer_accuracies=layer_accuracies(gestures),
        gestures=gestures,
        saved=saved,
        gaps=restarts_before() + sum(intake.gaps for intake in intakes),
        sources=tuple(each),
    )


def build_status(summary: RunSummary, lanes: Sequence[Lane]) -> dict[str, Any]:
    """The figures that matter while it runs; `lanes` in the order of the summary's sources."""
    status: dict[str, Any] = {name: getattr(summary, name) for name in _SAID_OF_ALL}
    each = summary.sources or (summary,)
    sources = [_source_status(one, lane) for one, lane in zip(each, lanes, strict=True)]
    furthest = max(sources, key=lambda source: float(source["behind_ms"]))
    return status | {
        "view": sources[0]["view"],
        "stage": "brain",
        "restarts": restarts_before(),
        "t_us": sources[0]["t_us"],
        "behind_ms": furthest["behind_ms"],
        "refused": sum(summary.refused.values()),
        "sources": sources,
    }


def _source_status(summary: RunSummary, lane: Lane) -> dict[str, Any]:
    latest = summary.views[-1:]
    return {name: getattr(summary, name) for name in _SAID_OF_EACH} | {
        "t_us": lane.now_us,
        "behind_ms": lane.course.backlog.behind_ns / 1e6,
        "view": msgspec.structs.asdict(latest[0]) if latest else None,
    }


def lane_figures(lane: Lane) -> dict[str, Any]:
    """The figures of a source that move while one looks on."""
    counts, binning = lane.recogniser.counts, lane.intake.counts
    return {
        "counts": lane.recogniser.votes,
        "events_in": binning.events_in,
        "events_late": binning.events_late,
        "events_lost": lane.intake.events_lost,
        "frames": counts.frames,
        "frames_skipped": counts.frames_skipped,
        "learning_skipped": counts.learning_skipped,
        "updates": lane.recogniser.engine.updates,
        "behind_ms": lane.course.backlog.behind_ns / 1e6,
    }


def _sums(counters: Iterable[Counter[str]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for counter in counters:
        total.update(counter)
    return dict(total)


def _per_second(frames: int, spent_ns: int) -> float:
    return frames / (spent_ns / 1e9) if spent_ns else 0.0
