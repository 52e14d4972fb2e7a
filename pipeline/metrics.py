"""A brain's figures for Prometheus: the only module that imports prometheus_client (an extra)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from drivers.closing import Closing
from drivers.errors import InputError
from pipeline.addresses import check_address, leaves_this_host

if TYPE_CHECKING:
    from prometheus_client.core import Metric

_EVERY_NS = 1_000_000_000
_COUNTERS = {
    "events_in": "Events that came in.",
    "events_lost": "Events lost before they came here.",
    "frames": "Frames stepped.",
    "frames_skipped": "Frames left out because the brain fell behind.",
    "learning_skipped": "Frames with a target that were not learnt from.",
    "labels": "Labels given out.",
    "updates": "Updates of the weights.",
    "refused": "Messages that were not understood.",
}
_QUANTILES = {"0.5": "p50", "0.99": "p99", "0.999": "p999", "1": "max"}


class MetricsServer(Closing):
    """Answers HTTP requests with the figures of about a second ago, from threads of its own."""

    def __init__(self, address: str, *, insecure: bool) -> None:
        """Serve on `HOST:PORT`; raises `InputError`, also beyond this host unless `insecure`."""
        try:
            from prometheus_client import CollectorRegistry, start_http_server
        except ImportError as error:
            raise InputError(
                what="--metrics",
                got="an installation without prometheus-client",
                allowed="the extra `metrics`",
                todo="pip install 'wigwag[metrics]'",
            ) from error
        check_address(f"tcp://{address}")
        host, _, port = address.rpartition(":")
        if port == "*":
            port = "0"
        if leaves_this_host(f"tcp://{address}") and not insecure:
            raise InputError(
                what=f"--metrics {address}",
                got="an address that other hosts may reach",
                allowed="127.0.0.1:PORT: figures are served without keys",
                todo="use that, or say --insecure if anybody may read them",
            )
        self._figures: Mapping[str, Any] = {}
        self._looked_s = 0.0
        self._next_ns = 0
        registry = CollectorRegistry()
        registry.register(self)
        try:
            self._server, self._thread = start_http_server(
                int(port), host.strip("[]"), registry=registry
            )
        except OSError as error:
            raise InputError(
                what=f"--metrics {address}",
                got=str(error),
                allowed="an address of this host that is free",
                todo="choose another port",
            ) from error
        self.port = int(self._server.server_port)

    def look(self, status: Callable[[], Mapping[str, Any]]) -> None:
        """Take the figures, if the last ones are a second old."""
        now_ns = time.monotonic_ns()
        if now_ns >= self._next_ns:
            self._next_ns = now_ns + _EVERY_NS
            self._figures, self._looked_s = dict(status()), time.time()

    def collect(self) -> Iterator[Metric]:
        """What prometheus_client asks for at each request, in a thread of its own."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        figures = self._figures
        if not figures:
            return
        for name, text in _COUNTERS.items():
            yield CounterMetricFamily(f"wigwag_{name}", text, value=figures[name])
        yield GaugeMetricFamily(
            "wigwag_behind_seconds", "Behind the source.", value=figures["behind_ms"] / 1000
        )
        yield GaugeMetricFamily(
            "wigwag_steps_per_second", "Frames per second.", value=figures["steps_per_s"]
        )
        yield GaugeMetricFamily(
            "wigwag_looked_timestamp_seconds",
            "When these figures were taken: old ones show a brain that hangs.",
            value=self._looked_s,
        )
        latency = GaugeMetricFamily(
            "wigwag_latency_seconds",
            "From sending a frame's last packet to the decision, since the start.",
            labels=["quantile"],
        )
        for quantile, name in _QUANTILES.items():
            value_ms = figures[f"latency_{name}_ms"]
            if value_ms is not None:
                latency.add_metric([quantile], value_ms / 1000)
        yield latency

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
