import numpy as np
import pytest

from drivers.errors import InputError
from drivers.events import SensorSize
from drivers.pixels import PixelArray, PixelSettings

SENSOR = SensorSize(8, 4)
QUIET = PixelSettings(threshold_mismatch=0.0, leak_hz=0.0, hot_pixels=0)
FAST_HZ = 1e6


def array(settings=QUIET, noise_hz=0.0, bandwidth_hz=FAST_HZ, seed=1, sensor=SENSOR):
    """Pixels adapted to darkness (log 0)."""
    dark = np.zeros((sensor.height, sensor.width))
    return PixelArray(settings, sensor, dark, noise_hz, bandwidth_hz, np.random.default_rng(seed))


def ramp(pixels, log_per_step, steps, step_us=1000, sensor=SENSOR):
    """Brighten (or darken) all pixels evenly; all events as times, pixels, ON flags."""
    light = np.zeros((sensor.height, sensor.width))
    found = []
    for step in range(steps):
        light += log_per_step
        found.append(pixels.respond(light, 0.0, step * step_us, (step + 1) * step_us))
    return tuple(np.concatenate(part) for part in zip(*found, strict=True))


def test_a_ramp_gives_one_event_for_each_threshold_that_it_climbs():
    """Between two events of a pixel the light climbs one ON threshold, plus the dead time."""
    settings = PixelSettings(
        threshold_on=0.2, threshold_mismatch=0.0, leak_hz=0.0, hot_pixels=0, refractory_us=1
    )
    times, where, on = ramp(array(settings), 0.01, 200)
    assert on.all()
    for pixel in range(32):
        gaps = np.diff(times[where == pixel])
        assert gaps.size >= 8
        np.testing.assert_allclose(gaps, 20_001, atol=2)


def test_a_darkening_pixel_answers_with_its_own_threshold():
    """OFF events come at the OFF threshold, which is another one."""
    settings = PixelSettings(
        threshold_off=0.4, threshold_mismatch=0.0, leak_hz=0.0, hot_pixels=0, refractory_us=1
    )
    times, where, on = ramp(array(settings), -0.01, 200)
    assert not on.any()
    np.testing.assert_allclose(np.diff(times[where == 3]), 40_001, atol=2)


def test_events_fall_between_the_renderings():
    """Times are interpolated to the microsecond, not put on the renderings' grid."""
    times, _, _ = ramp(array(), 0.013, 100)
    assert np.unique(times % 1000).size > 20


def test_thresholds_differ_from_pixel_to_pixel():
    """Mismatch spreads the distance between events over the pixels."""
    settings = PixelSettings(threshold_mismatch=0.03, leak_hz=0.0, hot_pixels=0)
    times, where, _ = ramp(array(settings), 0.01, 200)
    gaps = [np.median(np.diff(times[where == pixel])) for pixel in range(32)]
    assert np.std(gaps) > 1000


@pytest.mark.parametrize("refractory_us", [300, 700, 2500])
def test_no_pixel_fires_twice_within_its_refractory_period(refractory_us):
    """Even under strong flicker and noise a pixel rests after each event."""
    settings = PixelSettings(refractory_us=refractory_us, hot_pixel_hz=500.0)
    pixels = array(settings, noise_hz=200.0)
    light = np.zeros((4, 8))
    found = [
        pixels.respond(light, 2.0 * (step % 2), 1000 * step, 1000 * step + 1000)
        for step in range(300)
    ]
    times, where, _ = (np.concatenate(part) for part in zip(*found, strict=True))
    gaps = [np.diff(times[where == pixel]) for pixel in range(32)]
    assert min(gap.min() for gap in gaps) >= refractory_us
    assert times.size > 1000


def test_the_leak_gives_on_events_at_its_rate():
    """In a still scene without noise only the leak makes events, all of them ON."""
    sensor = SensorSize(32, 32)
    settings = PixelSettings(leak_hz=2.0, hot_pixels=0)
    times, _, on = ramp(array(settings, sensor=sensor), 0.0, 10_000, sensor=sensor)
    assert on.all()
    assert times.size == pytest.approx(2.0 * 10 * 1024, rel=0.1)


def test_hot_pixels_are_few_and_loud():
    """The stated number of pixels fires far more than all others."""
    settings = PixelSettings(leak_hz=0.01, hot_pixels=3, hot_pixel_hz=100.0)
    _, where, _ = ramp(array(settings), 0.0, 2000)
    counts = np.bincount(where, minlength=32)
    assert (counts > 10).sum() == 3
    assert np.sort(counts)[:29].max() <= 2


def test_shot_noise_has_its_rate_and_its_share_of_on_events():
    """Noise comes at the rate asked for, with the settings' share of ON."""
    settings = PixelSettings(leak_hz=0.0, hot_pixels=0, noise_on_share=0.25)
    times, _, on = ramp(array(settings, noise_hz=20.0), 0.0, 10_000)
    assert times.size == pytest.approx(20 * 32 * 10, rel=0.05)
    assert on.mean() == pytest.approx(0.25, abs=0.03)


def test_slow_photoreceptors_delay_and_flatten():
    """A flicker that fast pixels see is invisible to pixels with a low cut-off."""

    def events(bandwidth_hz):
        pixels = array(bandwidth_hz=bandwidth_hz)
        light = np.zeros((4, 8))
        return sum(
            pixels.respond(light, 0.5 * (step % 2), 2500 * step, 2500 * step + 2500)[0].size
            for step in range(100)
        )

    assert events(FAST_HZ) > 1000
    assert events(5.0) < 100


def test_the_length_of_a_step_does_not_choose_which_noise_comes():
    """Noise depends on the seed and the time, not on how often the pixels are asked."""
    dark = np.zeros((4, 8))
    settings = PixelSettings(leak_hz=0.0, hot_pixels=0)
    runs = []
    for step_us in (500, 2000):
        pixels = array(settings, noise_hz=5.0)
        parts = [
            pixels.respond(dark, 0.0, begin, begin + step_us)[0]
            for begin in range(0, 1_000_000, step_us)
        ]
        runs.append(np.concatenate(parts))
    np.testing.assert_array_equal(*runs)


@pytest.mark.parametrize(
    "wrong",
    [
        {"threshold_on": 0.0},
        {"threshold_mismatch": 0.2},
        {"refractory_us": 0},
        {"leak_hz": -1.0},
        {"noise_on_share": 1.5},
    ],
)
def test_settings_that_no_pixel_could_have_are_refused(wrong):
    """Wrong settings end in one line that says what is allowed."""
    with pytest.raises(InputError, match="allowed"):
        PixelSettings(**wrong)
