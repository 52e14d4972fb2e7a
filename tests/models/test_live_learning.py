"""How a network learns live follows from what it is read by, what it knows and its size."""

from __future__ import annotations

from dataclasses import replace

import pytest

from models.learning_settings import LearningSettings
from models.live_learning import ONLINE, live_learning
from models.presets import SMALL, preset
from models.settings import NetworkSettings

SOFTMAX = replace(SMALL, reading="softmax")


def test_readouts_read_by_votes_stay_as_they_are() -> None:
    """Fixed and random, as in the paper; the rate is the one asked for."""
    learning = live_learning(ONLINE, SMALL, knows=False)
    assert learning == replace(ONLINE, learn_every_steps=1)


@pytest.mark.parametrize("knows", [False, True])
@pytest.mark.parametrize("network", [SOFTMAX, preset("best").network])
def test_readouts_read_by_softmax_go_on_learning(network: NetworkSettings, knows: bool) -> None:
    """By steps in proportion to the error of log odds, faster than the layers below them."""
    learning = live_learning(ONLINE, network, knows=knows)
    assert (learning.readout_step, learning.loss) == ("normalised", "CrossEntropyLoss")
    assert learning.dropout == 0.0
    assert 0 < learning.rate < ONLINE.rate
    assert 0 < learning.readout_rate < 1


def test_what_is_known_allows_larger_steps_of_the_readouts() -> None:
    """And the layers, whose steps spare nothing, take smaller ones."""
    sparing = live_learning(ONLINE, SOFTMAX, knows=True)
    plain = live_learning(ONLINE, SOFTMAX, knows=False)
    assert sparing.readout_rate > plain.readout_rate
    assert sparing.rate < plain.rate


def test_a_rule_that_was_asked_for_is_kept() -> None:
    """Whoever names a loss or a step of the readouts gets these."""
    for asked in (
        LearningSettings(loss="MSELoss"),
        LearningSettings(readout_rate=1e-3),
    ):
        assert live_learning(asked, SOFTMAX, knows=True) == replace(asked, learn_every_steps=1)


def test_a_large_network_shares_a_gradient_among_steps() -> None:
    """As a core has no time for one at every step."""
    network = preset("full").network
    assert (live_learning(ONLINE, network, knows=False).learn_every_steps or 1) > 1
    chosen = replace(ONLINE, learn_every_steps=3)
    assert live_learning(chosen, network, knows=False).learn_every_steps == 3
