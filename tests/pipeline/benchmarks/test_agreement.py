"""`wigwag bench agreement`."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.errors import InputError
from pipeline.benchmarks.agreement import measure
from pipeline.benchmarks.inputs import recording_of
from pipeline.benchmarks.settings import BenchSettings


@pytest.mark.slow
def test_votes_labels_and_weights_are_compared(tiny_checkpoint: Path) -> None:
    """Votes of each layer and labels agree; so do weights, within rounding, and with themselves."""
    inferring, learning = measure(BenchSettings(scale=0.04, checkpoint=tiny_checkpoint))
    values = {row.name: row.median for row in inferring.rows}
    votes = [f"votes, layer {number}" for number in (1, 2, 3)]
    assert list(values) == [*votes, "labels", "spikes"]
    assert all(values[name] >= 99 for name in (*votes, "labels"))
    assert values["spikes"] < 1
    single, again, double, double_again = (row.median for row in learning.rows)
    assert double < 1e-4 <= 50 > single
    assert (again, double_again) == (1, 1)
    assert "after 400 learning steps" in learning.title


def test_a_recording_without_labelled_frames_cannot_be_learnt_from(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    """The error says which labels are meant."""
    labels = tmp_path / "labels.csv"
    labels.write_text("class,startTime_usec,endTime_usec\n1,900000000,901000000\n")
    recording, _ = recording_of(BenchSettings())
    settings = BenchSettings(
        scale=0.01, checkpoint=tiny_checkpoint, recording=recording, labels=labels
    )
    with pytest.raises(InputError, match="no labelled frame"):
        list(measure(settings))
