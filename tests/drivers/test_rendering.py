import numpy as np

from drivers.rendering import draw_background, paint, take_log


def painted(*shapes, background=0.4, shade=0.0):
    """A canvas of 32x32 with plain capsules on an even background."""
    wall = np.full((32, 32), background)
    canvas = np.empty_like(wall)
    paint(np.array(shapes, dtype=np.float64), wall, shade, canvas)
    return canvas


def test_a_disc_has_its_area_and_its_luminance():
    """A capsule of no length is a disc; its soft edge keeps the area."""
    canvas = painted((16.0, 15.0, 6.0, 16.0, 15.0, 6.0, 0.9, 0.0, 1.0))
    assert canvas[15, 16] == 0.9
    assert abs((canvas - 0.4).sum() / 0.5 - np.pi * 36) < 2.0


def test_edges_are_soft_so_that_small_motion_shows():
    """A tenth of a pixel of motion changes pixels at the edge a little, not by a jump."""
    here = painted((16.0, 15.0, 6.0, 16.0, 15.0, 6.0, 0.9, 0.0, 1.0))
    there = painted((16.1, 15.0, 6.0, 16.1, 15.0, 6.0, 0.9, 0.0, 1.0))
    change = np.abs(there - here)
    assert 0.01 < change.max() < 0.06


def test_what_is_painted_later_is_in_front():
    """The order of the shapes is from the back to the front."""
    back = (10.0, 16.0, 5.0, 20.0, 16.0, 5.0, 0.9, 0.0, 1.0)
    front = (16.0, 16.0, 2.0, 16.0, 16.0, 2.0, 0.1, 0.0, 1.0)
    assert abs(painted(back, front)[16, 16] - 0.1) < 1e-9


def test_shapes_may_lie_outside_the_picture():
    """A hand that leaves the picture is cut at its border."""
    outside = (-40.0, -40.0, 5.0, -30.0, -40.0, 5.0, 0.9, 0.0, 1.0)
    np.testing.assert_array_equal(painted(outside), np.full((32, 32), 0.4))
    across = painted((-2.0, 16.0, 5.0, 2.0, 16.0, 5.0, 0.9, 0.0, 1.0))
    assert across[16, 0] == 0.9


def test_the_log_is_renewed_where_the_canvas_changed():
    """The log of the luminance follows the canvas exactly."""
    canvas, before, log = np.full((4, 4), 0.5), np.full((4, 4), -1.0), np.zeros((4, 4))
    take_log(canvas, before, log)
    canvas[1, 2] = 0.25
    take_log(canvas, before, log)
    np.testing.assert_allclose(log, np.log(canvas), atol=1e-6)
    np.testing.assert_array_equal(before, canvas)


def test_backgrounds_are_positive_and_near_their_luminance():
    """A wall is textured but never black, and the same for the same generator."""
    walls = [draw_background(64, 48, 0.5, 0.2, np.random.default_rng(3)) for _ in range(2)]
    np.testing.assert_array_equal(*walls)
    assert walls[0].shape == (48, 64)
    assert walls[0].min() > 0.1
    assert 0.02 < np.log(walls[0]).std() < 0.6
