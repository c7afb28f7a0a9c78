"""Masks, blends, blurs and smooth noise on batches of pictures: what faces are spoiled with."""

import math

import torch
import torch.nn.functional as F


def half(boxes):
    """Half the height of a head, (n,) pixels."""
    return (boxes[:, 3] - boxes[:, 1]) / 2


def places(size):
    """x and y of every pixel's middle, (1, size, size) each."""
    at = torch.arange(size) + 0.5
    return at.expand(1, size, size), at[:, None].expand(1, size, size)


def ellipse(size, centre, axes, soft=3.0):
    """1 inside the ellipses around `centre` (n, 2) with half axes `axes` (n, 2) in pixels, 0 outside, (n, 1, size, size)."""
    x, y = places(size)
    dx, dy = (x - centre[:, :1, None]) / axes[:, :1, None], (y - centre[:, 1:, None]) / axes[:, 1:, None]
    return ((1 - (dx * dx + dy * dy).sqrt()) * soft + 0.5).clamp(0, 1)[:, None]


def head(size, boxes, grow=1.05):
    """The heads' ellipses, softly cut, (n, 1, size, size)."""
    corners = boxes.view(-1, 2, 2)
    return ellipse(size, corners.mean(1), (corners[:, 1] - corners[:, 0]) / 2 * grow, 6.0)


def field(count, channels, size, scale, generator):
    """Smooth noise of about unit deviation, (count, channels, size, size); scale: of its features, pixels."""
    cells = max(3, math.ceil(size / scale) + 2)
    coarse = torch.randn(count, channels, cells, cells, generator=generator)
    return F.interpolate(coarse, (size, size), mode="bicubic", align_corners=True) * 1.3


def uniform(generator, low, high, count=1):
    """(count,) numbers."""
    return low + (high - low) * torch.rand(count, generator=generator)


def one_of(generator, choices):
    return choices[int(torch.randint(len(choices), (1,), generator=generator))]


def shifted(images, shift):
    """Images whose pixel (x, y) is that of (x, y) + shift (n, 2, size, size) before."""
    x, y = places(images.shape[-1])
    grid = torch.stack([x + shift[:, 0], y + shift[:, 1]], -1) * 2 / images.shape[-1] - 1
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def smooth(images, sigma, across=True, down=True):
    """Gaussian blur, sigma (n,) in pixels."""
    reach = max(1, math.ceil(3 * float(sigma.max())))
    at = torch.arange(-reach, reach + 1, dtype=torch.float32)
    kernel = (-(at**2) / (2 * sigma.clamp(min=0.05)[:, None] ** 2)).exp()
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(images.shape[1], 0)
    n, c, h, w = images.shape
    x = images.reshape(1, n * c, h, w)
    if across:
        x = F.conv2d(F.pad(x, (reach, reach, 0, 0), mode="replicate"), kernel[:, None, None, :], groups=n * c)
    if down:
        x = F.conv2d(F.pad(x, (0, 0, reach, reach), mode="replicate"), kernel[:, None, :, None], groups=n * c)
    return x.view(n, c, h, w)


def mix(images, other, share):
    return images * (1 - share) + other * share


def wide(degree):
    return degree.view(-1, 1, 1, 1)
