"""Joining arrays of events."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from drivers.events import EVENT_DTYPE, Events, empty_events
from recordings.joining import join_events


@given(cuts=st.lists(st.integers(0, 1000), max_size=6), step=st.integers(1, 3))
def test_parts_are_joined_in_order(example_events: Events, cuts: list[int], step: int) -> None:
    """Any slices, empty and strided ones too, are joined as numpy would join them."""
    ends = sorted(cuts)
    parts = [example_events[a:b:step] for a, b in zip([0, *ends], [*ends, 1000], strict=True)]
    assert join_events(parts).tobytes() == np.concatenate(parts).tobytes()


def test_the_result_is_a_new_array(example_events: Events) -> None:
    """One part gives a copy and no part gives no events."""
    part = example_events[:5].copy()
    joined = join_events([part])
    part["x"] = 7
    assert joined.tolist() == example_events[:5].tolist()
    assert join_events([]).dtype == EVENT_DTYPE == empty_events().dtype
    assert join_events([]).size == 0
