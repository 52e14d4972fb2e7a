"""Precision and algorithms while a step is captured."""

from __future__ import annotations

import pytest
import torch

from models.graph_settings import GraphSettings, arithmetic


def flags() -> list[object]:
    """What torch's libraries read; reading raises where they are at odds with each other."""
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    return [
        matmul.allow_tf32,
        cudnn.allow_tf32,
        torch.get_float32_matmul_precision() != "highest",
        cudnn.deterministic,
        cudnn.benchmark,
    ]


@pytest.mark.parametrize("tf32", [False, True])
def test_arithmetic_is_as_set_and_then_as_before(tf32: bool) -> None:
    """Within, TF32 is allowed or not, and only what is deterministic; then all is undone."""
    before = flags()
    with arithmetic(GraphSettings(tf32=tf32)):
        assert flags() == [tf32, tf32, tf32, True, False]
    assert flags() == before


def test_one_stream_takes_patches_and_tensor_cores_take_channels_last() -> None:
    """The rule by which a convolution is chosen; a choice made is kept."""
    assert GraphSettings().convolution_for(1) == "patches"
    assert GraphSettings().convolution_for(72) == "planes"
    assert GraphSettings(tf32=True).convolution_for(72) == "channels_last"
    assert GraphSettings(convolution="planes").convolution_for(1) == "planes"
