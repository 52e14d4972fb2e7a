import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.latencies import Latencies


@given(st.lists(st.integers(1000, 10**11), min_size=1, max_size=200))
def test_quantiles_are_right_to_three_percent(latencies_ns: list[int]) -> None:
    """Quantiles agree with those of all values, the largest exactly."""
    found = Latencies()
    for latency_ns in latencies_ns:
        found.add(latency_ns)
    for share in (0.5, 0.99):
        exact = float(np.quantile(latencies_ns, share, method="inverted_cdf")) / 1e6
        quantile = found.quantile_ms(share)
        assert quantile is not None
        assert exact * 0.999 <= quantile <= exact * 1.03
    assert found.quantile_ms(1.0) == max(latencies_ns) / 1e6


def test_without_latencies_there_is_no_quantile() -> None:
    """Before the first value the answer is None, not zero."""
    assert Latencies().quantile_ms(0.5) is None
