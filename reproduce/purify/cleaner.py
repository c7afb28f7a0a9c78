"""AdverseCleaner (lllyasviel, 2023): edge-preserving smoothing until the texture is gone, then its edges back from the input.

OpenCV's bilateral filter and the guided filter of its contributed modules (He et al. 2013, with colour guidance), written out, as the
latter is in no package we need. Values are grey levels, 0 to 255.
"""

import torch

from ..images import check, framed, quantise


def clean(images, model=None, *, settings, generator=None):
    """Images (N, 3, H, W) in [0, 1], any size -> 8-bit images; settings: papers.purifiers.CleanerSettings.

    The guide is the picture as it came, so what the bilateral filters took away at edges comes back, a perturbation there too.
    """
    guide = check(images) * 255
    x = guide
    for _ in range(settings.bilateral):
        x = bilateral(x, settings.window, settings.colour, settings.space)
    for _ in range(settings.guided):
        x = guided(guide, x, settings.radius, settings.eps)
    return quantise((x / 255).clamp(0, 1))


def bilateral(x, window, colour, space):
    """Bilateral filter of x (N, C, H, W): the pixels of a disc `window` across, weighted by distance and by difference of colour.

    As OpenCV has it, the difference is the sum over colours, and borders reflect. colour in the units of x, space in pixels.
    """
    reach, (height, width) = window // 2, x.shape[2:]
    wide = framed(x, reach)
    total, weights = torch.zeros_like(x), torch.zeros_like(x[:, :1])
    for down in range(-reach, reach + 1):
        for across in range(-reach, reach + 1):
            far = down**2 + across**2
            if far > reach**2:
                continue
            seen = wide[:, :, reach + down : reach + down + height, reach + across : reach + across + width]
            apart = (seen - x).abs().sum(1, keepdim=True)
            weight = (-(apart**2) / (2 * colour**2) - far / (2 * space**2)).exp()
            total, weights = total + weight * seen, weights + weight
    return total / weights


def guided(guide, x, radius, eps):
    """Guided filter: x (N, C, H, W) fitted in every window of (2 radius + 1)^2 pixels by a line in the guide's colours (N, 3, H, W).

    eps, squared units of the guide, keeps the slopes small. Borders reflect with the edge twice, as OpenCV's do here.
    """
    dtype, (guide, x) = x.dtype, (guide.double(), x.double())  # a covariance is a difference of squares of 65,025
    middle, mean = box(guide, radius), box(x, radius)
    own = _outer(guide, guide, radius) - middle[:, :, None] * middle[:, None]
    both = _outer(guide, x, radius) - middle[:, :, None] * mean[:, None]
    own, both = (part.permute(0, 3, 4, 1, 2) for part in (own, both))  # matrices last: (N, H, W, 3, 3) and (N, H, W, 3, C)
    slope = torch.linalg.solve(own + eps * torch.eye(3).to(own), both).permute(0, 3, 4, 1, 2)
    offset = mean - (slope * middle[:, :, None]).sum(1)
    slope = box(slope.flatten(1, 2), radius).view_as(slope)
    return ((slope * guide[:, :, None]).sum(1) + box(offset, radius)).to(dtype)


def box(x, radius):
    """The mean of x (N, C, H, W) over the square of 2 radius + 1 pixels around each; borders reflect, the edge twice."""
    wide, side, (height, width) = framed(x, radius, edge=2), 2 * radius + 1, x.shape[2:]
    rows = sum(wide[:, :, k : k + height] for k in range(side))
    return sum(rows[..., k : k + width] for k in range(side)) / side**2


def _outer(a, b, radius):
    """Means over windows of the products of every channel of a with every channel of b: (N, A, B, H, W)."""
    product = a[:, :, None] * b[:, None]
    return box(product.flatten(1, 2), radius).view_as(product)
