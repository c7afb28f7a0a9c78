"""Where the energy of a perturbation lies, in cycles a pixel, and how much of it survives what happens to the file.

Brightness (Y) and colour (Cb and Cr) are told apart, since JPEG treats them differently; "all" is both. Bands are octaves of radial
frequency; "all" is every one.
"""

import math

import torch

from ..images import check
from ..jpeg import arithmetic as lib

EDGES = (0, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / math.sqrt(2) + 1e-6)  # cycles a pixel; the corner of the spectrum is 1 / sqrt 2
NAMES = ("below 1/32", "1/32 to 1/16", "1/16 to 1/8", "1/8 to 1/4", "above 1/4")
PLANES = {"brightness": slice(0, 1), "colour": slice(1, 3)}
KINDS = {"brightness": ("brightness",), "colour": ("colour",), "all": ("brightness", "colour")}
BANDS = {"all": NAMES} | {name: (name,) for name in NAMES}
TINY = 1e-12
KEPT = (5, 3)  # JPEG-Mask's corner of low frequencies, for Y and for colour


def energy(perturbation):
    """Share of the energy of (N, 3, H, W) per kind and band: {(kind, band): (N,)}; those of ("all", "all") are 1."""
    sums = _totals(_sums(_spectrum(perturbation).abs().square()))
    return {one: part / sums["all", "all"].clamp_min(TINY) for one, part in sums.items()}


def survival(clean, moved, clean_after, moved_after):
    """What is left of the perturbation moved - clean after both pictures went through the same file, all (N, 3, H, W).

    {(kind, band): (kept, kept_energy, energy)}, each (N,). kept: the part of the perturbation still there, of its amplitude,
    <after, before> / <before, before>. kept_energy: the energy of that part, taken in brightness and colour and in each band by itself,
    over the perturbation's: for one of them kept^2. energy: |after|^2 / |before|^2, which also counts what the file put in its place.
    """
    for images in (clean, moved, clean_after, moved_after):
        check(images)
    before, after = _spectrum(moved - clean), _spectrum(moved_after - clean_after)
    was, same, now = (_sums(one) for one in (before.abs().square(), (after * before.conj()).real, after.abs().square()))
    part = {one: same[one].square() / was[one].clamp_min(TINY) for one in was}
    was, same, now, part = (_totals(one) for one in (was, same, now, part))
    return {one: tuple(left[one] / was[one].clamp_min(TINY) for left in (same, part, now)) for one in was}


def outside_mask(perturbation):
    """Share of the energy of (N, 3, H, W) in the block frequencies that JPEG-Mask removes (beyond 5x5 of Y, 3x3 of Cb and Cr): (N,)."""
    planes = lib.mix(_ycc(), perturbation)
    planes = planes[:, :, : planes.shape[2] // 8 * 8, : planes.shape[3] // 8 * 8]
    found = lib.blocks(lib.dct(planes, lib.DCT)).square().unflatten(4, (-1, 8)).sum((2, 4))  # (N, 3, 8, 8)
    low = torch.stack([found[:, 0, : KEPT[0], : KEPT[0]].sum((1, 2)), found[:, 1:, : KEPT[1], : KEPT[1]].sum((1, 2, 3))], 1).sum(1)
    return 1 - low / found.sum((1, 2, 3)).clamp_min(1e-12)


def _ycc():
    """Colour transform with rows of unit length, so that grey levels weigh alike in every plane."""
    return torch.nn.functional.normalize(lib.TO_YCC, dim=1)


def _spectrum(perturbation):
    """The spectrum of each plane, (N, 3, H, W)."""
    return torch.fft.fft2(lib.mix(_ycc(), perturbation), norm="ortho")


def _sums(planes):
    """Sums of (N, 3, H, W) over brightness and colour, band by band: {(kind, band): (N,)}."""
    masks = _bands(*planes.shape[2:])
    return {(kind, band): (planes[:, of] * masks[band]).sum((1, 2, 3)) for kind, of in PLANES.items() for band in NAMES}


def _totals(sums):
    """The same with "all" kinds and "all" bands."""
    found = {}
    for kind, kinds in KINDS.items():
        for band, bands in BANDS.items():
            found[kind, band] = sum(sums[one, other] for one in kinds for other in bands)
    return found


def _bands(height, width):
    radius = (torch.fft.fftfreq(height)[:, None] ** 2 + torch.fft.fftfreq(width)[None] ** 2).sqrt()
    return {name: ((radius >= low) & (radius < high)).float() for name, low, high in zip(NAMES, EDGES[:-1], EDGES[1:], strict=True)}
