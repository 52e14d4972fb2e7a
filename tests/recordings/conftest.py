"""What several tests of recordings share: the real files, and example events."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from drivers.events import EVENT_DTYPE, Events

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real recordings; the test is skipped where it is absent."""
    folder = Path(os.environ.get("WIGWAG_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real recordings at {folder}; set WIGWAG_DATA")
    return folder


@pytest.fixture(scope="session")
def example_events() -> Events:
    """50,000 events of a 128x96 sensor over about a second, several in one microsecond."""
    rng = np.random.default_rng(1)
    events = np.empty(50_000, dtype=EVENT_DTYPE)
    events["t"] = 5_000_000 + np.cumsum(rng.choice([0, 0, 1, 60], events.size))
    events["x"] = rng.integers(0, 128, events.size)
    events["y"] = rng.integers(0, 96, events.size)
    events["on"] = rng.random(events.size) < 0.4
    return events
