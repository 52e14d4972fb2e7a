from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.benchmarks.rows import compared_rows, quartiles


@dataclass(frozen=True)
class Named:
    """A contender of which only the name counts."""

    name: str
    what: str = "work"
    note: str = ""

    def run_block(self, number: int) -> list[float]:
        """Never to be called: its times are given."""
        raise AssertionError(f"block {number} was run, although its times are given")


@given(st.lists(st.floats(0, 1e12), min_size=1))
def test_quartiles_are_in_order(values: list[float]) -> None:
    """Lower quartile, median and upper quartile lie within the values, in this order."""
    low, middle, high = quartiles(values)
    assert min(values) <= low <= middle <= high <= max(values)


def test_ratios_pair_neighbouring_blocks() -> None:
    """Load that slows one block of both sides tenfold leaves the ratio as it is."""
    blocks = {"slow": [[4e6], [40e6], [4e6]], "fast": [[1e6], [10e6], [1e6]]}
    slow, fast = compared_rows([Named("slow"), Named("fast")], blocks, unit="ms", reference="slow")
    assert (slow.ratio, fast.ratio) == (1.0, 4.0)
    assert (fast.median, fast.low, fast.high, fast.runs) == (1.0, 1.0, 10.0, 3)


def test_a_rate_is_better_when_it_is_higher() -> None:
    """Where more is better, twice the rate of the reference is a ratio of 2."""
    blocks = {"slow": [[2e9]], "fast": [[1e9]]}
    rows = compared_rows(
        [Named("slow"), Named("fast")],
        blocks,
        unit="events/s",
        reference="slow",
        convert=lambda time_ns: 1000 / (time_ns / 1e9),
        better="higher",
    )
    assert [row.median for row in rows] == [500.0, 1000.0]
    assert [row.ratio for row in rows] == [1.0, 2.0]


@pytest.mark.parametrize("reference", ["absent"])
def test_without_the_reference_there_is_no_ratio(reference: str) -> None:
    """A peer that is not installed leaves figures without ratios, not an error."""
    (row,) = compared_rows([Named("own")], {"own": [[1e6]]}, unit="ms", reference=reference)
    assert row.ratio is None
