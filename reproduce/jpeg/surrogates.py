"""The published differentiable JPEGs: floating-point models of a file, with rounding softened. Here to be compared with `jpeg`.

Written from the publications, to show what each formulation leaves out; none stores whole numbers between its stages, as files do.

    cubic                 DiffJPEG (Shin and Song 2017; the port mlomnitz/DiffJPEG): tables scaled but neither rounded nor bounded,
                          coefficients rounded as r(v) + (v - r(v))^3, chroma averaged and repeated
    polynomial            Diff-JPEG (Reich et al., WACV 2024): tables and coefficients floored or rounded with the same cubic, chroma
                          reduced with an antialiasing filter and enlarged bilinearly
    straight-through      the same with hard rounding, whose gradient counts as 1
"""

import torch
import torch.nn.functional as F

from .. import images as pixels
from . import arithmetic as lib

FORMS = ("cubic", "polynomial", "straight-through")
TO_RGB = torch.tensor([[1, 0, 1.402], [1, -0.344136, -0.714136], [1, 1.772, 0]])  # JFIF, and the unrounded inverse:
TO_YCC = torch.tensor([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])


def soft_jpeg(images, quality, form):
    """Images (N, 3, H, W) in [0, 1] as `form` (one of FORMS) models their JPEG at one whole quality, 4:2:0: float, not on the 8-bit grid.

    Sizes are extended to multiples of 16, which the originals require of their input.
    """
    pixels.check(images)
    if form not in FORMS:
        raise ValueError(f"form: expected one of {', '.join(FORMS)}, got {form!r}")
    if form == "cubic" and quality == 100:
        raise ValueError("quality: expected 1 to 99 for cubic, got 100; its tables are not rounded and would be zero there")
    height, width = images.shape[2:]
    padded = F.pad(images, (0, -width % 16, 0, -height % 16), mode="replicate") * 255
    planes = lib.mix(TO_YCC, padded)
    luma, chroma = planes[:, :1] - 128, planes[:, 1:]
    how = dict(mode="bilinear", align_corners=False)
    chroma = F.avg_pool2d(chroma, 2) if form == "cubic" else F.interpolate(chroma, scale_factor=0.5, antialias=True, **how)
    tables = _tables(quality, form)
    luma, chroma = _code(luma, tables[:1], form), _code(chroma, tables[1:], form)
    chroma = F.interpolate(chroma, scale_factor=2, **({} if form == "cubic" else how))
    rgb = lib.mix(TO_RGB, torch.cat([luma + 128, chroma], 1))
    return (rgb[:, :, :height, :width] / 255).clamp(0, 1)


def _tables(quality, form):
    percent = 5000 / quality if quality < 50 else 200 - 2 * quality
    base = lib.STANDARD.float()
    if form == "cubic":
        return base * percent / 100
    scaled = (base * percent + 50) / 100
    return (scaled.floor() if form == "straight-through" else _soft(scaled - 0.5)).clamp(1, 255)  # floor(v) as round(v - 1/2), softened


def _code(plane, table, form):
    """DCT, quantisation softened as `form` has it, inverse DCT."""
    table = table.to(plane).repeat(1, 1, plane.shape[3] // 8)[:, None]  # (C, 1, 8, W)
    v = lib.blocks(lib.dct(plane, lib.DCT)) / table
    v = v + (v.round() - v).detach() if form == "straight-through" else _soft(v)
    return lib.dct((v * table).flatten(2, 3), lib.DCT.T)


def _soft(v):
    """The cubic soft rounding: v's nearest whole number plus the cube of what is left."""
    nearest = v.detach().round()
    return nearest + (v - nearest) ** 3
