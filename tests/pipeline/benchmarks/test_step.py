from pathlib import Path

import pytest

from pipeline.benchmarks.settings import BenchSettings
from pipeline.benchmarks.step import DENSE, LIVE, measure
from pipeline.benchmarks.worker_process import PEERS_PYTHON

PEERS = ("snnTorch", "SpikingJelly", "DECOLLE", "DECOLLE (its padding)")


@pytest.mark.slow
@pytest.mark.timeout(300)  # many processes, each loading torch
def test_engines_are_measured_where_no_peer_is_installed(
    tiny_checkpoint: Path, python_without_peers: Path
) -> None:
    """Both engines are compared, infer and learn; every peer that is missing is said."""
    settings = BenchSettings(
        blocks=1, scale=0.02, checkpoint=tiny_checkpoint, peers=python_without_peers
    )
    inferring, spikes, learning = measure(settings)
    assert [row.name for row in inferring.rows] == [DENSE, "torch", "events", LIVE]
    assert all(row.ratio and 0 < row.low <= row.median <= row.high for row in inferring.rows)
    text = "\n".join(inferring.notes)
    for peer in PEERS:
        assert f"not measured: {peer}: ended with: ModuleNotFoundError" in text
    assert "simulated" in text
    assert "not of Table 2's shapes" in text
    assert [row.name for row in learning.rows] == [
        f"{engine}, {pace}"
        for pace in ("update/1", "update/20", "live")
        for engine in ("torch", "events")
    ]
    assert [row.runs for row in learning.rows] == [2, 2, 1, 1, 1, 1]
    assert len(spikes.rows) == 6


@pytest.mark.slow
@pytest.mark.timeout(300)  # many processes, each loading torch
@pytest.mark.skipif(
    not PEERS_PYTHON.is_file(), reason="no environment with peers; `make peers` makes it"
)
def test_peers_step_networks_of_the_same_size(tiny_checkpoint: Path) -> None:
    """Every peer is there, and all but one make 171 million multiply-adds a step."""
    settings = BenchSettings(blocks=1, scale=0.01, checkpoint=tiny_checkpoint)
    inferring, _, learning = measure(settings)
    notes = {row.name: row.note for row in inferring.rows}
    assert set(notes) >= {DENSE, *PEERS}
    for name in (DENSE, *PEERS[:3]):
        assert notes[name].startswith("171 M multiply-adds")
    assert notes[PEERS[3]].startswith("315 M multiply-adds")
    assert any("the fastest package" in note for note in inferring.notes)
    assert {row.name for row in learning.rows} >= {"DECOLLE", "SpikingJelly"}
    assert learning.reference == "DECOLLE"
