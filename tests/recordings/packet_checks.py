"""What tests ask of the packets of any source."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from drivers.events import EventPacket, Events, empty_events


def joined(packets: Iterable[EventPacket]) -> Events:
    """All events of some packets."""
    return np.concatenate([empty_events(), *(packet.events for packet in packets)])


def check_contract(packets: list[EventPacket]) -> None:
    """What every source promises of its packets."""
    for seq, packet in enumerate(packets):
        assert packet.seq == seq
        assert packet.t_begin_us < packet.t_end_us
        t = packet.events["t"]
        if t.size:
            assert packet.t_begin_us <= t[0]
            assert t[-1] < packet.t_end_us
            assert not np.any(t[1:] < t[:-1])
    for before, after in pairwise(packets):
        assert before.t_end_us == after.t_begin_us
