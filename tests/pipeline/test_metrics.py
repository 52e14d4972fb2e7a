import socket
import urllib.request
from typing import Any

import pytest

from drivers.errors import InputError
from pipeline.metrics import MetricsServer

pytest.importorskip("prometheus_client")

STATUS: dict[str, Any] = {
    "events_in": 7,
    "events_lost": 1,
    "frames": 5,
    "frames_skipped": 0,
    "learning_skipped": 0,
    "labels": 2,
    "updates": 3,
    "refused": 0,
    "behind_ms": 1.5,
    "steps_per_s": 999.0,
    "latency_p50_ms": 2.0,
    "latency_p99_ms": 4.0,
    "latency_p999_ms": None,
    "latency_max_ms": 8.0,
}


def read(server: MetricsServer) -> str:
    """What a Prometheus would get."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics", timeout=10) as answer:
        return str(answer.read().decode())


def test_figures_are_served() -> None:
    """Counters and gauges in base units; what there is no figure for is left out."""
    with MetricsServer("127.0.0.1:*", insecure=False) as server:
        assert "wigwag" not in read(server)
        server.look(lambda: STATUS)
        server.look(lambda: STATUS | {"frames": 6})  # not a second later
        text = read(server)
    for line in (
        "wigwag_frames_total 5.0",
        "wigwag_events_lost_total 1.0",
        "wigwag_behind_seconds 0.0015",
        'wigwag_latency_seconds{quantile="0.5"} 0.002',
        'wigwag_latency_seconds{quantile="1"} 0.008',
    ):
        assert f"\n{line}\n" in text
    assert "0.999" not in text


@pytest.mark.parametrize("address", ["0.0.0.0:0", "*:0", "example.org:80", "here", "127.0.0.1:x"])
def test_addresses_beyond_this_host_are_refused(address: str) -> None:
    """Figures have no keys, so they stay here unless told otherwise."""
    with pytest.raises(InputError):
        MetricsServer(address, insecure=False)


def test_a_port_in_use_is_bad_input() -> None:
    """One line, no stack."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InputError, match="free"):
            MetricsServer(f"127.0.0.1:{taken.getsockname()[1]}", insecure=False)
