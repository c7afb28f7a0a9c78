"""AdverseCleaner's filters against OpenCV's bilateral filter and against a guided filter done window by window."""

import cv2
import numpy as np
import pytest
import torch
from skimage import data

from reproduce import images as pixels
from reproduce.papers import purifiers as paper
from reproduce.purify import cleaner

SETTINGS = paper.PURIFY_CLEANER["released"]


def photo(height, width, top=60, left=180):
    """A piece of a photograph, (1, 3, height, width) in levels."""
    whole = data.astronaut()[top : top + height, left : left + width]
    return torch.from_numpy(whole.copy()).permute(2, 0, 1)[None].float()


def rows(image):
    """As OpenCV has it: (height, width, 3), float32."""
    return np.ascontiguousarray(image[0].permute(1, 2, 0).numpy())


@pytest.mark.parametrize("size", [(40, 56), (33, 21), (7, 5), (3, 1), (1, 1)])
@pytest.mark.parametrize(("colour", "space"), [(8, 8), (30, 1.5)])
def test_the_bilateral_filter_is_opencvs(size, colour, space):
    image = photo(*size)
    want = cv2.bilateralFilter(rows(image), 5, colour, space)
    got = cleaner.bilateral(image, 5, colour, space)
    assert np.abs(rows(got) - want).max() < 0.01  # levels; OpenCV reads weights off a table
    if size == (40, 56):
        assert np.abs(want - rows(image)).max() > 2


def test_sixty_four_bilateral_filters_are_opencvs():
    image = photo(40, 56)
    want, got = rows(image), image
    for _ in range(64):
        want, got = cv2.bilateralFilter(want, 5, 8, 8), cleaner.bilateral(got, 5, 8, 8)
    assert np.abs(rows(got) - want).max() < 0.2


def windowed(guide, x, radius, eps):
    """The guided filter as its paper states it: ridge regression in every window, then the mean of all lines that cover a pixel."""
    height, width, _ = guide.shape
    margin = [(radius, radius), (radius, radius), (0, 0)]
    wide, seen = np.pad(guide.astype(float), margin, "symmetric"), np.pad(x.astype(float), margin, "symmetric")
    slopes, offsets = np.zeros((height, width, 3, 3)), np.zeros((height, width, 3))
    side = 2 * radius + 1
    for i in range(height):
        for j in range(width):
            a, b = (whole[i : i + side, j : j + side].reshape(-1, 3) for whole in (wide, seen))
            a0, b0 = a - a.mean(0), b - b.mean(0)
            slopes[i, j] = np.linalg.inv(a0.T @ a0 / len(a) + eps * np.eye(3)) @ (a0.T @ b0 / len(a))
            offsets[i, j] = b.mean(0) - a.mean(0) @ slopes[i, j]
    slopes, offsets = np.pad(slopes, [*margin, (0, 0)], "symmetric"), np.pad(offsets, margin, "symmetric")
    out = np.zeros(guide.shape)
    for i in range(height):
        for j in range(width):
            slope, offset = (whole[i : i + side, j : j + side].mean((0, 1)) for whole in (slopes, offsets))
            out[i, j] = guide[i, j] @ slope + offset
    return out


@pytest.mark.parametrize(("size", "radius", "eps"), [((20, 17), 4, 16), ((9, 12), 2, 100), ((6, 5), 4, 16), ((1, 7), 2, 16)])
def test_the_guided_filter_is_a_regression_in_every_window(size, radius, eps):
    guide, x = photo(*size), photo(*size, top=200)
    want = windowed(rows(guide), rows(x), radius, eps)
    assert np.abs(rows(cleaner.guided(guide, x, radius, eps)) - want).max() < 1e-3


def test_the_guided_filter_at_its_two_ends():
    guide, x = photo(24, 24), photo(24, 24, top=200)
    assert (cleaner.guided(guide, guide, 4, 1e-6) - guide).abs().max() < 1e-2  # a picture is a line in itself
    assert (cleaner.guided(guide, x, 4, 1e12) - cleaner.box(cleaner.box(x, 4), 4)).abs().max() < 1e-2  # no slope at all
    assert cleaner.guided(guide, x, 4, 16).dtype == torch.float32


def test_box_is_opencvs():
    image = photo(11, 17)
    want = cv2.boxFilter(rows(image), -1, (9, 9), borderType=cv2.BORDER_REFLECT)
    assert np.abs(rows(cleaner.box(image, 4)) - want).max() < 1e-3


def test_the_whole_is_the_released_script_rounded():
    image = photo(24, 31)
    y = rows(image)
    for _ in range(64):
        y = cv2.bilateralFilter(y, 5, 8, 8)
    for _ in range(4):
        y = windowed(rows(image), y, 4, 16)  # the guide is the input, each time
    got = pixels.levels(cleaner.clean(image / 255, settings=SETTINGS))
    apart = np.abs(rows(got.float()) - y.clip(0, 255))
    assert apart.max() < 0.75 and (apart > 0.51).mean() < 0.01
    assert 1 < (got.float() - image).abs().mean() < 20


def test_it_keeps_edges_and_takes_texture():
    generator = torch.Generator().manual_seed(0)
    step = torch.full((1, 3, 32, 32), 60.0)
    step[..., 16:] = 180
    noisy = (step + 3 * torch.randn(step.shape, generator=generator)).clamp(0, 255)
    got = 255 * cleaner.clean(noisy / 255, settings=SETTINGS)
    assert (got - step).square().mean().sqrt() < 0.5 * (noisy - step).square().mean().sqrt()
    assert (got[..., 16:].mean() - got[..., :16].mean() - 120).abs() < 1
    assert (got[..., 15] - 60).abs().max() < 10 and (got[..., 16] - 180).abs().max() < 10


def test_settings_are_those_of_the_script():
    assert (SETTINGS.bilateral, SETTINGS.window, SETTINGS.colour, SETTINGS.space) == (64, 5, 8, 8)
    assert (SETTINGS.guided, SETTINGS.radius, SETTINGS.eps) == (4, 4, 16)
