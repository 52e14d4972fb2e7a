import numpy as np
import pytest

from drivers.errors import InputError
from drivers.lighting import LIGHT_NAMES, find_light


def test_the_three_lights_differ_in_contrast_and_noise():
    """Natural light is the clearest, fluorescent light the flattest and noisiest."""
    led, fluorescent, natural = (find_light(name) for name in LIGHT_NAMES)
    assert natural.contrast > led.contrast > fluorescent.contrast
    assert natural.noise_hz < led.noise_hz < fluorescent.noise_hz


def test_only_fluorescent_light_flickers():
    """Its brightness swings around its mean at the frequency asked for."""
    t_us = np.arange(0.0, 1e6, 100.0)
    for name in LIGHT_NAMES:
        log = find_light(name).flicker_log(t_us, 100.0)
        assert (np.ptp(log) > 0.05) == (name == "fluorescent")
        assert abs(log.mean()) < 1e-6
    assert np.argmax(np.abs(np.fft.rfft(find_light("fluorescent").flicker_log(t_us, 100.0)))) == 100


def test_an_unknown_light_is_refused_by_name():
    """The error says which lights there are."""
    with pytest.raises(InputError, match="led, fluorescent, natural"):
        find_light("candle")
