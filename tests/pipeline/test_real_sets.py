"""The shipped checkpoints of digits and objects on the real data, as a user judges them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.brain_settings import shipped_checkpoint
from pipeline.cli import app

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("WIGWAG_DATA", ROOT.parent / "shared" / "data"))


@pytest.mark.slow
@pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no real data at {FOLDER}; set WIGWAG_DATA")
@pytest.mark.parametrize(
    ("name", "samples", "right_percent", "two_samples_percent"),
    [
        ("nmnist", "200 samples, 300 ms of each", 99.5, 1.0),
        ("objects", "42 samples, 1,800 ms of each", 90.5, 4.8),
    ],
)
def test_the_shipped_checkpoint_reads_what_it_has_learnt(
    name: str, samples: str, right_percent: float, two_samples_percent: float
) -> None:
    """Found without being told where; users and lights, which nobody named, are not listed."""
    checkpoint = shipped_checkpoint().with_name(f"{name}.safetensors")
    done = CliRunner().invoke(app, ["evaluate", str(checkpoint), name])
    assert done.exit_code == 0, done.output
    first, second, *_ = done.stdout.splitlines()
    assert first.endswith(samples)
    # Other processors round otherwise.
    named_right_percent = float(second.split()[-1].rstrip("%"))
    assert named_right_percent == pytest.approx(right_percent, abs=two_samples_percent)
    assert "user" not in done.stdout
    assert "light" not in done.stdout
