"""A layer that hardly fires is told of, once, while a network is trained."""

from models.trainer import MinibatchResult
from pipeline.firing_notice import SILENT, WATCHED, FiringNotice
from pipeline.training_progress import TrainingProgress


def told_of(*firing_rates: tuple[float, float, float]) -> list[str]:
    """What is said of minibatches in which three layers fired so."""
    told: list[str] = []
    notice = FiringNotice(told.append)
    for number, rates in enumerate(firing_rates, start=1):
        result = MinibatchResult(loss=(1.0,) * 3, accuracy=(0.1,) * 3, firing_rate=rates)
        notice.add(
            TrainingProgress(
                minibatch=number,
                minibatches=999,
                elapsed_s=1.0,
                left_s=1.0,
                waiting_s=0.0,
                rate=1e-3,
                result=result,
            )
        )
    return told


def test_it_is_told_once_which_layer_hardly_fires() -> None:
    """When it has for long enough; one minibatch in which it fires begins the wait anew."""
    silent, healthy = (0.05, SILENT / 3, 0.02), (0.05, 0.01, 0.02)
    assert told_of(*[silent] * (WATCHED - 1), healthy, *[silent] * (WATCHED - 1)) == []
    told = told_of(*[silent] * 3 * WATCHED)
    assert len(told) == 1
    assert told[0].startswith("layer 2 hardly fires: 0.0167% of its neurons")
    assert "network.gain" in told[0]


def test_a_layer_that_recovered_is_told_of_again() -> None:
    """It fell silent twice."""
    silent, healthy = (0.0, 0.01, 0.02), (0.05, 0.01, 0.02)
    assert len(told_of(*[silent] * WATCHED, healthy, *[silent] * WATCHED)) == 2
