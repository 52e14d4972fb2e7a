"""EVT3's words of 16 bits decoded: a state of time, row and column that words change in turn.

https://docs.prophesee.ai/stable/data/encoding_formats/evt3.html
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from drivers.events import EVENT_DTYPE, Events

_ADDR_Y, _ADDR_X, _VECT_BASE_X, _VECT_12, _VECT_8 = 0x0, 0x2, 0x3, 0x4, 0x5
_TIME_LOW, _TIME_HIGH, _TRIGGER = 0x6, 0x8, 0xA


class Evt3Decoder:
    """Words in, events out; the state goes on from one call to the next."""

    def __init__(self) -> None:
        self._state = np.array([-1, 0, 0, 0, 0], dtype=np.int64)

    def decode(self, words: npt.NDArray[np.uint16]) -> tuple[Events, int]:
        """The events of these words, shape (n,), and how many triggers are among the words.

        Places lie anywhere in 0 to 65535. Of a vector every event is kept, beyond the sensor's
        edge too.
        """
        events = np.empty(_count_events(words), dtype=EVENT_DTYPE)
        return events, int(_decode(words, self._state, events))


@numba.njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]  # numba has no types
def _count_events(words: npt.NDArray[np.uint16]) -> int:
    count = 0
    for index in range(len(words)):
        word = int(words[index])
        kind = word >> 12
        if kind == _ADDR_X:
            count += 1
        elif kind in (_VECT_12, _VECT_8):
            bits = word & (0xFFF if kind == _VECT_12 else 0xFF)
            while bits:
                bits &= bits - 1
                count += 1
    return count


@numba.njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]  # numba has no types
def _decode(words: npt.NDArray[np.uint16], state: npt.NDArray[np.int64], events: Events) -> int:
    """Fill `events`; `state` is time's upper part (-1: none yet) and lower part, y, base x, on."""
    high, low, y, base, on = state
    found = triggers = 0
    for index in range(len(words)):
        word = int(words[index])
        kind = word >> 12
        if kind == _ADDR_X:
            event = events[found]
            event.t = np.uint64((max(high, 0) << 12) + low)
            event.x, event.y, event.on = word & 0x7FF, y, (word >> 11) & 1 == 1
            found += 1
        elif kind == _ADDR_Y:
            y = word & 0x7FF
        elif kind == _VECT_BASE_X:
            base, on = word & 0x7FF, (word >> 11) & 1
        elif kind in (_VECT_12, _VECT_8):
            width = 12 if kind == _VECT_12 else 8
            for place in range(width):
                if (word >> place) & 1:
                    event = events[found]
                    event.t = np.uint64((max(high, 0) << 12) + low)
                    # Beyond 16 bits there is no sensor.
                    event.x, event.y, event.on = min(base + place, 0xFFFF), y, on == 1
                    found += 1
            base += width
        elif kind == _TIME_LOW:
            low = word & 0xFFF
        elif kind == _TIME_HIGH:
            new = word & 0xFFF
            step = (new - max(high, 0)) & 0xFFF
            if high < 0:
                high, low = new, 0
            elif step:
                # 24 bits wrap every 16.8 s; the shorter way round tells a wrap from a step back.
                high += step if step <= 0x800 else step - 0x1000
                low = 0
        elif kind == _TRIGGER:
            triggers += 1
    state[0], state[1], state[2], state[3], state[4] = high, low, y, base, on
    return triggers
