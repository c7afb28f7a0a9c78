"""The published differentiable JPEGs: floating-point models of a file, with rounding softened. Here to be compared with `jpeg`.

Written from the publications and the facts of their released code, whose values and gradients they have; none stores whole numbers
between its stages, as files do.

    cubic                 DiffJPEG (Shin and Song 2017) as mlomnitz/DiffJPEG releases it: tables scaled but neither rounded nor bounded,
                          that of luma transposed, as utils.py has it; coefficients rounded as r(v) + (v - r(v))^3; chroma averaged over
                          2x2 and repeated; clipped to 0..255
    polynomial            Diff-JPEG (Reich et al., WACV 2024) as necla-ml/Diff-JPEG releases it (e81f082), ste=False: the same cubic for
                          coefficients; the scale of the tables and their entries floored as the cubic of v - 1/2, so that neither is
                          whole; chroma blurred and averaged, enlarged bilinearly; what clipping cuts off counts for a thousandth
    straight-through      the same with ste=True: values of hard rounding, flooring and clipping, slopes of the soft ones (a rounding's is
                          3 (v - r(v))^2, not 1)
"""

import math

import torch
import torch.nn.functional as F

from .. import images as pixels
from . import arithmetic as lib

FORMS = ("cubic", "polynomial", "straight-through")
TO_RGB = torch.tensor([[1, 0, 1.402], [1, -0.344136, -0.714136], [1, 1.772, 0]])  # JFIF, and the unrounded inverse:
TO_YCC = torch.tensor([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
COSINES = torch.cos(math.pi / 16 * torch.arange(8.0)[:, None] * (2 * torch.arange(8.0) + 1))
DCT = COSINES * torch.where(torch.arange(8) == 0, 0.125, 0.25).sqrt()[:, None]  # orthonormal; files have whole numbers near it
BEYOND = 1e-3  # what of a value beyond its bounds Diff-JPEG keeps
SIDE = 1 / (2 + math.exp(2))  # outer taps of kornia's antialiasing Gaussian for half the size: three taps, standard deviation 1/2


def soft_jpeg(images, quality, form):
    """Images (N, 3, H, W) in [0, 1] as `form` (one of FORMS) models their JPEG at one quality from 1 to 99, 4:2:0: float, off the grid.

    Sizes are extended to multiples of 16, which the originals require of their input. "polynomial" may leave [0, 1] by a
    thousandth of what a file would clip, as the original does. ValueError: wrong shape, range, form or quality.
    """
    pixels.check(images)
    if form not in FORMS:
        raise ValueError(f"form: expected one of {', '.join(FORMS)}, got {form!r}")
    if not 1 <= quality <= 99:
        raise ValueError(f"quality: expected 1 to 99, as the published models take it, got {quality!r}")
    height, width = images.shape[2:]
    planes = lib.mix(TO_YCC, F.pad(images, (0, -width % 16, 0, -height % 16), mode="replicate") * 255)
    tables = _tables(quality, form)
    luma = _code(planes[:, :1] - 128, tables[:1], form)
    chroma = F.avg_pool2d(planes[:, 1:] if form == "cubic" else _blurred(planes[:, 1:]), 2)
    how = {} if form == "cubic" else dict(mode="bilinear", align_corners=False)
    chroma = F.interpolate(_code(chroma, tables[1:], form), scale_factor=2, **how)
    levels = lib.mix(TO_RGB, torch.cat([luma + 128, chroma], 1))[:, :, :height, :width]
    return (levels.clamp(0, 255) if form == "cubic" else _clip(levels, 0, 255, form)) / 255


def _tables(quality, form):
    """Steps of luma and chroma (2, 8, 8)."""
    scale, base = torch.tensor(5000 / quality if quality < 50 else 200.0 - 2 * quality), lib.STANDARD.float()
    if form == "cubic":
        return base.mT * scale / 100  # chroma's is symmetric
    return _clip(_floor((base * _floor(scale, form) + 50) / 100, form), 1, 255, form)


def _blurred(chroma):
    """Chroma planes after the Gaussian that Diff-JPEG's kornia.geometry.rescale(antialias=True) lays over them."""
    line = chroma.new_tensor([SIDE, 1 - 2 * SIDE, SIDE])
    kernel = torch.outer(line, line).expand(2, 1, 3, 3)
    return F.conv2d(F.pad(chroma, (1, 1, 1, 1), mode="reflect"), kernel, groups=2)


def _code(plane, table, form):
    """DCT, quantisation softened as `form` has it, inverse DCT."""
    table = table.to(plane).repeat(1, 1, plane.shape[3] // 8)[:, None]  # (C, 1, 8, W)
    v = lib.blocks(lib.dct(plane, DCT)) / table
    v = _hard(v.round(), _soft(v)) if form == "straight-through" else _soft(v)
    return lib.dct((v * table).flatten(2, 3), DCT.T)


def _soft(v):
    """The cubic soft rounding: v's nearest whole number plus the cube of what is left."""
    nearest = v.detach().round()
    return nearest + (v - nearest) ** 3


def _floor(v, form):
    return v.floor() if form == "straight-through" else _soft(v - 0.5)


def _clip(v, low, high, form):
    """`v` within its bounds, and a thousandth of what lies beyond, which "straight-through" has in its slope alone."""
    inside = v.clamp(low, high)
    soft = inside + (v - inside) * BEYOND
    return _hard(inside.detach(), soft) if form == "straight-through" else soft


def _hard(values, slope):
    """`values` with the gradient of `slope`."""
    return values.detach() + (slope - slope.detach())
