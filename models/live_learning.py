"""Learning from one live stream: how much of it, by which steps, in real time."""

from __future__ import annotations

from dataclasses import replace

from models.learning_settings import LearningSettings
from models.settings import NetworkSettings

ONLINE = LearningSettings(rate=1e-4, update_every_steps=20)
"""Learning from one live stream: an update every 20 ms of labelled stream, 50 a second."""

LARGE = 20_000_000
"""Multiply-adds of a dense step from which on a CPU core cannot learn at every millisecond."""
LARGE_LEARNS_EVERY_STEPS = 20
LIVE_READOUT_RATE = 0.03
"""Of an error, at each update of a live stream: 50 a second."""
SPARING_READOUT_RATE = 0.15
"""The same where steps spare what is known (`models.known_directions`), and so may be larger."""
LIVE_LAYER_SHARE = 0.1
"""Of the rate asked for, where readouts learn too: more of it is forgotten than learnt."""
SPARING_LAYER_SHARE = 0.03
"""The same where readouts spare what is known: what is then forgotten, the layers' steps cost."""


def live_learning(
    learning: LearningSettings, network: NetworkSettings, *, knows: bool
) -> LearningSettings:
    """The settings as an engine takes them, to learn from one stream in real time.

    `learn_every_steps` is filled in with what a CPU core can do: 1 for small networks, 20 for large
    ones, for which 20 steps share the work of one gradient. Readouts that are read by softmax hold
    log odds and were trained: cross-entropy takes the place of the usual loss, which would teach
    them 0 and 1, and they learn on, by normalised steps, of errors that dropout has not blurred,
    while the layers below them take a tenth of the usual step, or less where the network `knows`
    directions to spare (`StoredNetwork.knows`).
    """
    usual = learning.loss == LearningSettings().loss and learning.readout_rate == 0
    if network.reading == "softmax" and usual:
        learning = replace(
            learning,
            rate=learning.rate * (SPARING_LAYER_SHARE if knows else LIVE_LAYER_SHARE),
            loss="CrossEntropyLoss",
            loss_options={},
            readout_rate=SPARING_READOUT_RATE if knows else LIVE_READOUT_RATE,
            readout_step="normalised",
            dropout=0.0,
        )
    if learning.learn_every_steps is not None:
        return learning
    large = network.multiply_adds >= LARGE
    return replace(learning, learn_every_steps=LARGE_LEARNS_EVERY_STEPS if large else 1)
