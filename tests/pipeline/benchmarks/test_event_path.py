import re
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from pipeline.benchmarks import binning, burst, bus, decode, film, filters
from pipeline.benchmarks.settings import BenchSettings
from pipeline.benchmarks.synthetic import EVENTS_PER_S, SENSOR, synthetic_events
from pipeline.benchmarks.worker_process import PEERS_PYTHON

OURS = {
    decode: {"aedat", "packets", decode.BUSY, "frames", "two processes"},
    binning: {"wigwag", "wigwag, 1 ms", "wigwag, cropped"},
    filters: {"wigwag", "wigwag, hot", "wigwag, both", "wigwag, 1 ms"},
    bus: {"pyzmq", "bus", "packets"},
}
PEERS = {
    decode: {"tonic", "dv-processing"},
    binning: {"tonic", "dv-processing"},
    filters: {"dv-processing"},
    bus: set(),
}


def test_synthetic_events_are_those_of_a_sensor() -> None:
    """In order of time, on the sensor, at the rate that is said, the same each time."""
    events = synthetic_events(20_000)
    assert events.tobytes() == synthetic_events(20_000).tobytes()
    t = events["t"].astype(np.int64)
    assert (np.diff(t) >= 0).all()
    assert 0.9 < len(events) / (t[-1] - t[0]) * 1e6 / EVENTS_PER_S < 1.1
    assert events["x"].max() < SENSOR.width
    assert events["y"].max() < SENSOR.height


@pytest.mark.slow
@pytest.mark.parametrize("module", [decode, binning, filters, bus])
def test_everything_of_ours_is_measured_where_no_peer_is_installed(
    module: ModuleType, python_without_peers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each stage has a row with a ratio in some table; peers that are missing are said."""
    # One format with other decoders and one without; the smallest messages and the largest.
    monkeypatch.setattr(decode, "FORMATS", decode.FORMATS[:2])
    monkeypatch.setattr(bus, "SIZES", bus.SIZES[::3])
    settings = BenchSettings(blocks=1, scale=0.01, peers=python_without_peers)
    tables = list(module.measure(settings))
    assert {row.name for table in tables for row in table.rows} == OURS[module]
    assert all(row.ratio and row.median > 0 for table in tables for row in table.rows)
    text = "\n".join(note for table in tables for note in table.notes)
    for peer in ("tonic", "dv-processing"):
        assert (f"not measured: {peer}: " in text) == (peer in PEERS[module])


@pytest.mark.slow
@pytest.mark.skipif(
    not PEERS_PYTHON.is_file(), reason="no environment with peers; `make peers` makes it"
)
@pytest.mark.parametrize("module", [decode, binning, filters])
def test_peers_are_measured_beside_ours(module: ModuleType) -> None:
    """Every peer has a row where its environment is there."""
    tables = module.measure(BenchSettings(blocks=1, scale=0.01))
    assert {row.name for table in tables for row in table.rows} == OURS[module] | PEERS[module]


@pytest.mark.slow
def test_films_are_measured_with_and_without_decoding() -> None:
    """Pictures in memory of two scenes, which give different numbers of events, and a film."""
    (table,) = film.measure(BenchSettings(blocks=1, scale=0.01))
    assert [row.name for row in table.rows] == ["quarter", "all", "film"]
    assert all(row.median > 0 for row in table.rows)
    calm, busy = re.findall(r"([\d,]+) events a frame", table.notes[0])
    assert int(calm.replace(",", "")) < int(busy.replace(",", ""))


@pytest.mark.slow
def test_no_event_of_a_burst_is_unaccounted_for() -> None:
    """Whatever the delays are, sent is received plus lost as counted, for both policies."""
    (table,) = burst.measure(BenchSettings(blocks=1))
    assert {row.name for row in table.rows} == {"block", "drop"}
    missing = [row.median for row in table.rows if row.what.startswith("sent, neither")]
    assert missing == [0.0, 0.0]
