"""What a brain can say about itself: its closing summary and its status while it runs."""

from __future__ import annotations

from typing import Any

import msgspec

from models.engine import Engine
from pipeline.brain_control import view_figures
from pipeline.intake import Intake
from pipeline.latencies import Latencies
from pipeline.process_guard import restarts_before
from pipeline.recogniser import Recogniser, RecogniserCounts
from pipeline.scoring import TrialVotes, accuracy, layer_accuracies
from pipeline.summary import Ending, LookedAt, RunSummary


def build_summary(
    *,
    ended: Ending,
    intake: Intake,
    counts: RecogniserCounts,
    engine: Engine,
    trials: TrialVotes,
    latencies: Latencies,
    wall_ns: int,
    saved: str | None,
) -> RunSummary:
    """All counters of a run, as they stand."""
    binning = intake.counts
    gestures = tuple(trials.results(engine.class_names))
    return RunSummary(
        ended=ended,
        source=intake.source,
        model_version=engine.version,
        events_in=binning.events_in,
        events_binned=binning.events_binned,
        events_outside_view=binning.events_outside_view,
        events_late=binning.events_late,
        events_invalid=binning.events_invalid,
        events_lost=intake.events_lost,
        events_removed=dict(intake.removed),
        packets=intake.packets,
        packets_missed=intake.packets_missed,
        refused=dict(intake.refused),
        damage="; ".join(intake.damage) or None,
        views=tuple(LookedAt(t_us, **view_figures(view)) for t_us, view in intake.looked),
        frames=counts.frames,
        frames_skipped=counts.frames_skipped,
        learning_skipped=counts.learning_skipped,
        labels=counts.labels,
        updates=engine.updates,
        stream_s=intake.stream_us / 1e6,
        wall_s=wall_ns / 1e9,
        steps_per_s=_per_second(counts.frames, wall_ns),
        engine_steps_per_s=_per_second(counts.frames, counts.engine_ns),
        latency_p50_ms=latencies.quantile_ms(0.5),
        latency_p99_ms=latencies.quantile_ms(0.99),
        latency_p999_ms=latencies.quantile_ms(0.999),
        latency_max_ms=latencies.quantile_ms(1.0),
        accuracy=accuracy(gestures),
        layer_accuracies=layer_accuracies(gestures),
        gestures=gestures,
        saved=saved,
        gaps=intake.gaps,
    )


def build_status(summary: RunSummary, stream_now_us: int, behind_ns: int) -> dict[str, Any]:
    """The figures that matter while it runs."""
    names = (
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
    status: dict[str, Any] = {name: getattr(summary, name) for name in names}
    latest = summary.views[-1:]
    return status | {
        "view": msgspec.structs.asdict(latest[0]) if latest else None,
        "stage": "brain",
        "restarts": restarts_before(),
        "t_us": stream_now_us,
        "behind_ms": behind_ns / 1e6,
        "refused": sum(summary.refused.values()),
    }


def build_figures(intake: Intake, recogniser: Recogniser, behind_ns: int) -> dict[str, Any]:
    """The figures that move while one looks on."""
    counts, binning = recogniser.counts, intake.counts
    return {
        "counts": recogniser.votes,
        "events_in": binning.events_in,
        "events_late": binning.events_late,
        "events_lost": intake.events_lost,
        "frames": counts.frames,
        "frames_skipped": counts.frames_skipped,
        "learning_skipped": counts.learning_skipped,
        "updates": recogniser.engine.updates,
        "behind_ms": behind_ns / 1e6,
    }


def _per_second(frames: int, spent_ns: int) -> float:
    return frames / (spent_ns / 1e9) if spent_ns else 0.0
