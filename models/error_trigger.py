"""Error-triggered learning, Eq. 6 of the paper: errors as spikes."""

from __future__ import annotations

import math

from torch import Tensor

from models.learning_settings import LearningSettings
from models.replicas import ALONE, Replicas

FIRST_THRESHOLD = 0.1
"""Where an adapted threshold begins, unless set."""
ADAPTATION = 0.02
"""How fast it adapts: its relative change at a step at which twice the wanted errors spike."""


class ErrorTrigger:
    """Two error neurons per class: s+ spikes where e > theta, s- where e < -theta.

    With a wanted rate, theta <- theta exp(k (share / rate - 1)) after every learning step, the
    bracket being at most 1.
    """

    def __init__(self, learning: LearningSettings) -> None:
        self.threshold = learning.error_threshold or FIRST_THRESHOLD
        """theta"""
        self._rate = learning.error_rate
        self.share = 0.0
        """Of the errors that spiked when last asked, in all replicas."""
        self.updates_share = 0.0
        """Of the sequences, when last asked, of which an error spiked: those learnt from."""

    def spikes(self, gradient: Tensor, replicas: Replicas = ALONE) -> Tensor:
        """s+ - s-, scaled as `gradient`: d loss / d y, the mean over its (B, classes) numbers."""
        error = gradient * gradient.numel()
        signs = (error > self.threshold).to(error.dtype) - (error < -self.threshold).to(error.dtype)
        self.share = float(replicas.mean(signs.abs().mean()))
        self.updates_share = float(replicas.mean(signs.any(1).to(error.dtype).mean()))
        if self._rate is not None:
            self.threshold *= math.exp(ADAPTATION * min(self.share / self._rate - 1.0, 1.0))
        return signs.div_(gradient.numel())
