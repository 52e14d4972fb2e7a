import json

import pytest

from drivers.errors import InputError
from pipeline.labels import Label, class_label, decode_label, encode_label

LABEL = Label(
    t_us=1_500_000,
    source="desk",
    label="arm roll",
    gesture_class=8,
    confidence=0.75,
    counts=(0, 125, 375),
    window_us=500_000,
    model_version="abc",
    latency_us=900,
    changed=True,
)


def test_json_has_the_documented_keys() -> None:
    """A label is one line holding the keys that docs/architecture.md names."""
    line = encode_label(LABEL)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    keys = "t_us source label class confidence counts window_us model_version latency_us changed"
    assert list(json.loads(line)) == keys.split()


def test_round_trip() -> None:
    """Decoding gives back what was encoded."""
    assert decode_label(encode_label(LABEL)) == LABEL


@pytest.mark.parametrize("line", [b"", b"{}", b"[1]", b"\xff\xfe", '{"t_us": "x"}'])
def test_other_lines_are_refused(line: bytes | str) -> None:
    """A line that is no label is an InputError."""
    with pytest.raises(InputError, match="label line"):
        decode_label(line)


def test_class_zero_is_unsure() -> None:
    """Class 0 is "unsure", class 1 the first name."""
    assert class_label(("a", "b"), 0) == "unsure"
    assert class_label(("a", "b"), 1) == "a"
