"""Painted triangles against a test of every pixel."""

import numpy as np

from gbflux.report.figures.views import paint


def inside(triangle, x, y):
    """Which points lie in a triangle, by the signs of three areas."""
    signs = [
        (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0])
        for a, b in zip(triangle, np.roll(triangle, -1, axis=0), strict=True)
    ]
    return np.all(np.array(signs) > 1e-9, axis=0) | np.all(np.array(signs) < -1e-9, axis=0)


def test_every_pixel_gets_the_triangle_above_it():
    random = np.random.default_rng(4)
    corners = random.uniform(-1, 11, (60, 3, 2))
    image = paint(corners, (0.0, 10.0, 0.0, 6.0), (37, 53))
    x, y = np.meshgrid((np.arange(53) + 0.5) * 10 / 53, (np.arange(37) + 0.5) * 6 / 37)
    expected = np.full(image.shape, -1)
    for k, triangle in enumerate(corners):
        expected[inside(triangle, x, y)] = k
    assert (image == expected).all()


def test_a_tiling_leaves_no_hole_where_pixels_fall_on_its_edges():
    x, y = np.meshgrid(np.arange(8) + 0.5, np.arange(8) + 0.5)  # corners on pixel centres
    a, b, c, d = (np.stack([x[i, j], y[i, j]], axis=-1).reshape(-1, 2) for i, j in _corners())
    image = paint(
        np.stack([[a, b, c], [a, c, d]], axis=0).transpose(0, 2, 1, 3).reshape(-1, 3, 2), (0, 8, 0, 8), (8, 8)
    )
    assert (image >= 0).all()


def _corners():
    low, high = slice(None, -1), slice(1, None)
    return [(low, low), (low, high), (high, high), (high, low)]


def test_triangles_outside_the_image_and_of_no_area_do_no_harm():
    corners = np.array([[[20.0, 20.0], [21.0, 20.0], [20.0, 21.0]], [[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]]])
    assert (paint(corners, (0.0, 10.0, 0.0, 10.0), (5, 5)) <= 1).all()
