"""Where the energy of a perturbation lies, in cycles a pixel, and how much of it survives what happens to the file.

Brightness (Y) and colour (Cb and Cr) are told apart, since JPEG treats them differently. Bands are octaves of radial frequency.
"""

import math

import torch

from ..images import check
from ..jpeg import arithmetic as lib

EDGES = (0, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / math.sqrt(2) + 1e-6)  # cycles a pixel; the corner of the spectrum is 1 / sqrt 2
NAMES = ("below 1/32", "1/32 to 1/16", "1/16 to 1/8", "1/8 to 1/4", "above 1/4")
KEPT = (5, 3)  # JPEG-Mask's corner of low frequencies, for Y and for colour


def energy(perturbation):
    """Share of the energy of (N, 3, H, W) per kind and band: {(kind, band): (N,)}; kinds "brightness", "colour"; sums to 1."""
    spectra = {kind: spectrum.abs().square().sum(1) for kind, spectrum in _spectra(perturbation).items()}
    whole = sum(s.sum((1, 2)) for s in spectra.values()).clamp_min(1e-12)
    masks = _bands(*perturbation.shape[2:])
    return {(kind, name): (s * masks[name]).sum((1, 2)) / whole for kind, s in spectra.items() for name in NAMES}


def survival(clean, moved, clean_after, moved_after):
    """What is left of the perturbation moved - clean after both pictures went through the same file, all (N, 3, H, W).

    {(kind, band): (kept, energy)}, both (N,): kept is the part of the perturbation still there, <after, before> / <before, before>;
    energy is |after|^2 / |before|^2, which also counts what the file put in its place.
    """
    for images in (clean, moved, clean_after, moved_after):
        check(images)
    before, after = _spectra(moved - clean), _spectra(moved_after - clean_after)
    masks, found = _bands(*clean.shape[2:]), {}
    for kind in before:
        for name in ("all", *NAMES):
            mask = masks.get(name, torch.ones(clean.shape[2:]))
            size = (before[kind].abs().square() * mask).sum((1, 2, 3)).clamp_min(1e-12)
            kept = ((after[kind] * before[kind].conj()).real * mask).sum((1, 2, 3)) / size
            found[kind, name] = kept, (after[kind].abs().square() * mask).sum((1, 2, 3)) / size
    return found


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


def _spectra(perturbation):
    planes = torch.fft.fft2(lib.mix(_ycc(), perturbation), norm="ortho")
    return {"brightness": planes[:, :1], "colour": planes[:, 1:]}


def _bands(height, width):
    radius = (torch.fft.fftfreq(height)[:, None] ** 2 + torch.fft.fftfreq(width)[None] ** 2).sqrt()
    return {name: ((radius >= low) & (radius < high)).float() for name, low, high in zip(NAMES, EDGES[:-1], EDGES[1:], strict=True)}
