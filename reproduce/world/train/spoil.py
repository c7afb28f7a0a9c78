"""Spoiled faces: what a detector must not call a face, in degrees.

Each way of spoiling takes images (n, 3, S, S) in [0, 1], the faces' boxes (n, 4) and points (n, 5, 2) in pixels, a degree (n,) in [0, 1],
other images to blend with and a generator, and returns images. SPOILS tells up to which degree an eye still sees a face in one piece, and
from which on it sees none; both were set by looking at sheets. A face in one piece has two eyes, a nose and a mouth, each about in its
place.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from .patches import ellipse, field, half, head, mix, one_of, places, shifted, smooth, uniform, wide

EYE, MOUTH = (0.28, 0.19), (0.44, 0.22)  # half axes of what is painted over, in half heights of the head


@dataclass(frozen=True)
class Spoil:
    """function; degrees up to `mild` leave a face, from `strong` on there is none; whole: the picture is spoiled, not one face."""

    function: object
    mild: float
    strong: float
    whole: bool = False


def filling(images, boxes, others, generator):
    """What stands in for a face: another picture, what is around it made smooth, or a flat colour."""
    kind = one_of(generator, ("other", "smooth", "flat", "texture"))
    if kind == "other":
        return others
    if kind == "smooth":
        return smooth(images, half(boxes) * 0.6)
    colour = torch.rand(len(images), 3, 1, 1, generator=generator)
    if kind == "flat":
        return colour.expand_as(images)
    return (colour + 0.15 * field(len(images), 3, images.shape[-1], 3.0, generator)).clamp(0, 1)


def warp(images, boxes, points, degree, others, generator):
    """The head's surface pulled about."""
    b, size = half(boxes).mean().item(), images.shape[-1]
    scale = b * one_of(generator, (0.35, 0.5, 0.8))
    shift = field(len(images), 2, size, scale, generator) * wide(degree * half(boxes) * 0.5 * scale / (0.8 * b))
    return shifted(images, shift * head(size, boxes, 1.2))


def blur(images, boxes, points, degree, others, generator):
    return mix(images, smooth(images, (degree * half(boxes) * 0.5).clamp(min=0.1)), _where(images, boxes, generator))


def smear(images, boxes, points, degree, others, generator):
    """A blur along one direction."""
    across = one_of(generator, (True, False))
    blurred = smooth(images, (degree * half(boxes)).clamp(min=0.1), across, not across)
    return mix(images, blurred, head(images.shape[-1], boxes))


def mosaic(images, boxes, points, degree, others, generator):
    """Each cell shows its first pixel's neighbourhood; cells up to 0.7 half heights."""
    out, size = images.clone(), images.shape[-1]
    x, y = places(size)
    cell = (degree * half(boxes) * 0.7).clamp(min=1)[:, None, None]
    soft = smooth(images, (cell.flatten() * 0.4).clamp(min=0.1))
    shift = torch.stack([((x / cell).floor() + 0.5) * cell - x, ((y / cell).floor() + 0.5) * cell - y], 1)
    out = shifted(soft, shift)
    return mix(images, out, _where(images, boxes, generator))


def dissolve(images, boxes, points, degree, others, generator):
    """The face blended into something else, evenly."""
    fill = filling(images, boxes, others, generator)
    return mix(images, fill, head(images.shape[-1], boxes, 1.1) * wide(degree))


def crumble(images, boxes, points, degree, others, generator):
    """Spots of the face replaced by something else."""
    size = images.shape[-1]
    spots = field(len(images), 1, size, half(boxes).mean().item() * one_of(generator, (0.15, 0.25, 0.4)), generator)
    limit = torch.special.ndtri((1 - degree).clamp(0.01, 0.99))
    share = ((spots - wide(limit)) * 4 + 0.5).clamp(0, 1)
    return mix(images, filling(images, boxes, others, generator), head(size, boxes) * share)


def cover(images, boxes, points, degree, others, generator):
    """The share `degree` of the head, from one side, replaced by something else."""
    size = images.shape[-1]
    x, y = places(size)
    corners = boxes.view(-1, 2, 2, 1, 1)
    middle, reach = corners.mean(1), (corners[:, 1] - corners[:, 0]) / 2
    u, v = (x - middle[:, 0]) / reach[:, 0], (y - middle[:, 1]) / reach[:, 1]
    along = one_of(generator, (u, -u, v, -v))
    wave = 0.12 * field(len(images), 1, size, 12.0, generator)[:, 0]
    share = ((along + wave - (1 - 2 * degree)[:, None, None]) * 8 + 0.5).clamp(0, 1)[:, None]
    return mix(images, filling(images, boxes, others, generator), share * head(size, boxes, 1.15))


def shuffle(images, boxes, points, degree, others, generator):
    """Tiles of the head in another order; degree: share of tiles moved."""
    size, count = images.shape[-1], one_of(generator, (3, 4, 6))
    x, y = places(size)
    corners = boxes.view(-1, 2, 2, 1, 1)
    span = (corners[:, 1] - corners[:, 0]) / count
    u, v = (x - corners[:, 0, 0]) / span[:, 0], (y - corners[:, 0, 1]) / span[:, 1]
    inside = (u >= 0) & (u < count) & (v >= 0) & (v < count)
    cell = (v.floor().clamp(0, count - 1) * count + u.floor().clamp(0, count - 1)).long()
    n = len(images)
    order = torch.rand(n, count * count, generator=generator).argsort(1)
    moved = torch.rand(n, count * count, generator=generator) < degree[:, None]
    source = torch.where(moved, order, torch.arange(count * count)).gather(1, cell.flatten(1)).view_as(cell)
    dx, dy = (source % count - cell % count) * span[:, 0], (source // count - cell // count) * span[:, 1]
    return shifted(images, torch.stack([dx, dy], 1) * inside[:, None])


def noisy(images, boxes, points, degree, others, generator):
    scale = one_of(generator, (1, 1, 2, 3))
    n, size = len(images), images.shape[-1]
    grain = torch.randn(n, one_of(generator, (1, 3)), -(-size // scale), -(-size // scale), generator=generator)
    grain = grain.repeat_interleave(scale, 2).repeat_interleave(scale, 3)[..., :size, :size]
    return images + grain * wide(degree) * _where(images, boxes, generator)


def weave(images, boxes, points, degree, others, generator):
    """Stripes or a woven grid over the picture, as fine-tuning on protected photographs makes them."""
    n, size = len(images), images.shape[-1]
    x, y = places(size)
    total = torch.zeros(n, size, size)
    for _ in range(one_of(generator, (1, 2, 2))):
        angle, period = uniform(generator, 0, math.pi, n), uniform(generator, 2.5, 14, n)
        along, start = x * angle.cos()[:, None, None] + y * angle.sin()[:, None, None], uniform(generator, 0, 7, n)[:, None, None]
        wave = (along * (2 * math.pi / period[:, None, None]) + start).sin()
        total = total + (wave if one_of(generator, (True, False)) else wave.sign() * 0.7)
    tint = (0.6 + 0.4 * torch.rand(n, 3, 1, 1, generator=generator)) * torch.randn(n, 3, 1, 1, generator=generator).sign()
    bent = 1 + 0.3 * field(n, 1, size, 30.0, generator)
    return images + total[:, None] * tint * bent * wide(degree) * _where(images, boxes, generator)


def blotches(images, boxes, points, degree, others, generator):
    """Patches of colour."""
    n, size = len(images), images.shape[-1]
    scale = half(boxes).mean().item() * one_of(generator, (0.3, 0.5, 0.9))
    colour = (0.5 + 0.6 * field(n, 3, size, scale, generator)).clamp(0, 1)
    return mix(images, colour, wide(degree) * _where(images, boxes, generator))


def ghost(images, boxes, points, degree, others, generator):
    """The face and itself, or another, shown at once."""
    n, b = len(images), half(boxes)
    angle, far = uniform(generator, 0, 2 * math.pi, n), b * uniform(generator, 0.3, 0.7, n)
    shift = torch.stack([far * angle.cos(), far * angle.sin()], 1)[:, :, None, None].expand(-1, -1, images.shape[-1], images.shape[-1])
    return mix(images, shifted(images, shift), wide(degree) * 0.55 * head(images.shape[-1], boxes, 1.1))


def skin(images, boxes, points, generator):
    """The cheeks' colour with some grain, (n, 3, size, size)."""
    n, size = len(images), images.shape[-1]
    cheeks = (points[:, :2] + points[:, 3:]) / 2
    grid = cheeks[:, None] * 2 / size - 1
    colour = F.grid_sample(smooth(images, half(boxes) * 0.05), grid, align_corners=False).mean(3, keepdim=True)
    return colour + 0.02 * torch.randn(n, 1, size, size, generator=generator)


def spot(images, boxes, points, which, grow=1.0):
    """The ellipse of a feature, 0 and 1 the eyes, 2 the mouth: (n, 1, size, size); and its middle (n, 2)."""
    centre = points[:, which] if which < 2 else points[:, 3:].mean(1)
    axes = half(boxes)[:, None] * torch.tensor(EYE if which < 2 else MOUTH) * grow
    return ellipse(images.shape[-1], centre, axes), centre


def erase(images, boxes, points, degree, others, generator):
    """Eyes or mouth painted over with skin."""
    fill = skin(images, boxes, points, generator) if one_of(generator, (1, 1, 0)) else smooth(images, half(boxes) * 0.35)
    for which in one_of(generator, ((0,), (1,), (0, 1), (2,), (2,), (0, 1, 2), (0, 2), (1, 2))):
        images = mix(images, fill, spot(images, boxes, points, which, 1.15)[0] * wide(degree))
    return images


def displace(images, boxes, points, degree, others, generator):
    """One eye or the mouth moved by up to a half height of the head."""
    n, size = len(images), images.shape[-1]
    which = one_of(generator, (0, 1, 2))
    angle, far = uniform(generator, 0, 2 * math.pi, n), half(boxes) * degree
    shift = torch.stack([far * angle.cos(), far * angle.sin()], 1)
    mask, _ = spot(images, boxes, points, which)
    cleared = mix(images, skin(images, boxes, points, generator), spot(images, boxes, points, which, 1.15)[0])
    both = shifted(torch.cat([images, mask], 1), -shift[:, :, None, None].expand(-1, -1, size, size))
    return mix(cleared, both[:, :3], both[:, 3:])


def extra(images, boxes, points, degree, others, generator):
    """An eye or a mouth too many, laid over with `degree`."""
    n, size = len(images), images.shape[-1]
    which = one_of(generator, (0, 1, 2))
    rise = one_of(generator, (-0.42, 0.38) if which < 2 else (-0.95, -0.35))
    aside = uniform(generator, -0.2, 0.2, n)
    shift = (torch.stack([aside, torch.full((n,), rise)], 1) * half(boxes)[:, None])[:, :, None, None].expand(-1, -1, size, size)
    mask, _ = spot(images, boxes, points, which)
    both = shifted(torch.cat([images, mask], 1), -shift)
    return mix(images, both[:, :3], both[:, 3:] * wide(degree))


def _where(images, boxes, generator):
    """Everywhere or over the head alone."""
    return head(images.shape[-1], boxes, 1.2) if one_of(generator, (True, False)) else torch.ones(1, 1, 1, 1)


# fmt: off
SPOILS = {
    "warp":     Spoil(warp,     0.12, 0.40),
    "blur":     Spoil(blur,     0.08, 0.28, whole=True),
    "smear":    Spoil(smear,    0.06, 0.25),
    "mosaic":   Spoil(mosaic,   0.10, 0.35, whole=True),
    "dissolve": Spoil(dissolve, 0.35, 0.78),
    "crumble":  Spoil(crumble,  0.08, 0.50),
    "cover":    Spoil(cover,    0.10, 0.50),
    "shuffle":  Spoil(shuffle,  0.00, 0.60),
    "noisy":    Spoil(noisy,    0.12, 0.50, whole=True),
    "weave":    Spoil(weave,    0.20, 0.75, whole=True),
    "blotches": Spoil(blotches, 0.30, 0.75, whole=True),
    "ghost":    Spoil(ghost,    0.35, 0.85),
    "erase":    Spoil(erase,    0.35, 0.80),
    "displace": Spoil(displace, 0.08, 0.40),
    "extra":    Spoil(extra,    0.30, 0.80),
}
# fmt: on
