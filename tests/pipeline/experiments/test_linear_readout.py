"""The linear layer on activity."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.experiments.linear_readout import apply_weights, least_squares


@pytest.mark.parametrize("samples", [5, 80])
def test_both_forms_solve_the_normal_equations(samples: int) -> None:
    """With fewer samples than neurons as with more: the gradient of the loss is zero."""
    rng = np.random.default_rng(1)
    activity = rng.random((samples, 20), np.float32)
    wanted = np.eye(3)[rng.integers(0, 3, samples)]
    weights = least_squares(activity, wanted, ridge=0.1)
    x = np.hstack([activity - 0.5, np.ones((samples, 1))])
    left = apply_weights(weights, activity) - wanted
    assert x.T @ left + 0.1 * weights == pytest.approx(np.zeros_like(weights), abs=1e-6)
