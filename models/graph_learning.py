"""One layer's learning half of a step, over static buffers: Eq. 5 and Adamax."""

from __future__ import annotations

import torch
from torch import Tensor

from models.graph_layer import GraphLayer, into_classes
from models.learning_settings import LearningSettings


class LayerLearning:
    """Gradient and update of one `GraphLayer`.

    The equations are those of `models.learning_rule.local_gradient` for each step by itself;
    gradients of several steps add up.
    """

    def __init__(
        self, layer: GraphLayer, settings: LearningSettings, *, rate: Tensor, batch: int
    ) -> None:
        self._layer = layer
        self._settings = settings
        self._rate = rate
        own = layer.layer
        self._norm = torch.zeros_like(layer.convolution.parameters)
        self._keep = 1.0 - settings.dropout
        # 1 / keep of dropout is in the readout, so that the mask is drawn as 0 and 1.
        self._readout = layer.readout / self._keep
        self._down = torch.zeros_like(layer.flat_activity)
        dropping = settings.dropout > 0.0
        self._mask = torch.zeros_like(self._down) if dropping else None
        self._dropped = torch.zeros_like(self._down) if dropping else layer.flat_activity
        self._clamped = own.weight.new_zeros((batch, own.readout.shape[0]))
        self._delta = layer.as_maps(self._down)
        if layer.argmax is not None:
            self._delta = torch.zeros_like(layer.u)
        self._near = torch.zeros_like(layer.u) if settings.regularisation > 0.0 else None

    def state(self) -> list[Tensor]:
        """What is carried from update to update."""
        convolution = self._layer.convolution
        return [convolution.parameters, convolution.gradient, self._norm]

    def gather(self, base: Tensor, error: Tensor, generator: torch.Generator) -> None:
        """Add the step's gradient.

        `base` is the readout's offset minus the one-hot target, and `error` takes y - target;
        both have shape (B, classes).
        """
        layer, settings = self._layer, self._settings
        if self._mask is not None:
            self._mask.bernoulli_(self._keep, generator=generator)
            torch.mul(layer.flat_activity, self._mask, out=self._dropped)
        into_classes(base, self._dropped, self._readout, error)
        torch.clamp(error, -1.0, 1.0, out=self._clamped)
        torch.addmm(
            self._down, self._clamped, self._readout,
            beta=0.0, alpha=1.0 / error.numel(), out=self._down,
        )  # fmt: skip
        neurons = self._down.numel()
        layer.chains.postsynaptic(
            self._down,
            self._mask,
            self._dropped,
            layer.flat_activity,
            0.1 * neurons * self._keep,
            0.1 * settings.regularisation / neurons / self._keep,
        )
        if layer.argmax is not None:
            side = [layer.layer.settings.pool] * 2
            torch.ops.aten.max_pool2d_with_indices_backward.grad_input(
                layer.as_maps(self._down), layer.u, side, side, [0, 0], [1, 1], False,
                layer.argmax, grad_input=self._delta,
            )  # fmt: skip
        if self._near is not None:
            layer.chains.press(
                self._delta, layer.u, self._near, 20.0 * settings.regularisation / layer.u.numel()
            )
        layer.convolution.add_gradient(self._delta)

    def update(self) -> None:
        """Apply and clear the gathered gradient."""
        convolution = self._layer.convolution
        self._layer.chains.adamax(
            convolution.parameters,
            convolution.gradient,
            self._norm,
            self._rate,
            self._settings.beta2,
        )
