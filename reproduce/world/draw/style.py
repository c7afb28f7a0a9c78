"""Painterly styles: each turns rendered images (N, 3, S, S) into a painting, by a process in image space.

A style takes (canvas whose image is the photograph, draws) and returns images. Two styles are held out of
training, so that mimicry has something to learn.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from .brush import at, blur, flow, grey, jittered, strokes
from .chance import Draws
from .ground import rgb
from .shapes import Canvas
from .texture import noise, per_cell, saw, wave


def impressionist(c: Canvas, d: Draws) -> Tensor:
    photo = c.image.clone()
    field = flow(c, photo, d, 0.02)
    rich = ((blur(c, photo, 1.2) - 0.5) * 1.15 + 0.52).clamp(0, 1)
    strokes(c, d, rich, field, 10.0, 7.0, 2.3, 4, 0.16, 11)
    strokes(c, d, (blur(c, photo, 0.6) - 0.5) * 1.15 + 0.52, field, 5.0, 3.4, 1.0, 6, 0.12, 8)
    return c.image


def pointillist(c: Canvas, d: Draws) -> Tensor:
    photo = blur(c, c.image, 0.8)
    c.image = photo * 0.35 + rgb(0.93, 0.89, 0.80) * 0.65
    for step in (5.2, 4.6, 4.2, 3.8, 3.8, 3.8):
        cx, cy, number = jittered(c, d, step, 0.5)
        colour = at(c, photo, cx, cy)
        off = torch.stack([per_cell(d.table(k), number) for k in (61, 67, 71)], 1) - 0.5
        r = ((c.x - cx) ** 2 + (c.y - cy) ** 2).sqrt()
        c.paint(
            c.cover(r - step * 0.38), ((colour - 0.5) * 1.2 + 0.5 + off * 0.24).clamp(0, 1), 1.0 - 0.05 * r
        )
    return c.image


def engraved(c: Canvas, d: Draws) -> Tensor:
    """Cross-hatching: darker means more families of lines, and thicker ones."""
    y = grey(c.image)
    y = ((y - 0.5) * 1.1 + 0.56 + (y - blur(c, y[:, None], 4.0)[:, 0]) * 1.2).clamp(0, 1)
    paper, ink = (
        d.pick([(0.94, 0.90, 0.80), (0.92, 0.92, 0.90)]),
        d.pick([(0.12, 0.10, 0.12), (0.10, 0.14, 0.28), (0.26, 0.13, 0.08)]),
    )
    c.image = paper + (c.tex("plaster", d, 4) + c.tex("fine", d, 3))[:, None]
    wobble = noise("cloud", c.x, c.y + d.u(0, 99)) * 0.35
    for (dx, dy), limit in (((0.7, 0.7), 0.82), ((0.7, -0.7), 0.56), ((0.0, 1.0), 0.36), ((1.0, 0.0), 0.20)):
        line = (saw((c.x * dx + c.y * dy) / 3.2 + wobble) - 0.5).abs() * 2  # 0 in the middle of a line
        thick = (limit - y).clamp(0, 0.5) * 1.5
        c.paint(((thick - line) * 1.9 * c.k + 0.3).clamp(0, 1) * (thick > 0).float() * 0.9, ink)
    return c.image


def poster(c: Canvas, d: Draws) -> Tensor:
    """Four flat inks by lightness, a halftone between them, and dark contours."""
    photo = blur(c, c.image, 0.8)
    y = grey(photo)
    y = (
        (y - 0.48) * 1.05
        + 0.5
        + (0.5 - blur(c, y[:, None], 12.0)[:, 0]) * 0.4
        + (y - blur(c, y[:, None], 3.0)[:, 0]) * 0.8
    )
    sets = torch.tensor(
        [
            [(0.10, 0.12, 0.28), (0.82, 0.22, 0.25), (0.96, 0.66, 0.28), (0.98, 0.94, 0.80)],
            [(0.12, 0.16, 0.18), (0.10, 0.45, 0.50), (0.60, 0.78, 0.66), (0.97, 0.93, 0.82)],
            [(0.22, 0.08, 0.30), (0.75, 0.20, 0.55), (0.98, 0.62, 0.55), (1.0, 0.93, 0.70)],
        ]
    )
    inks = sets[d.index(3)]
    cx, cy = saw((c.x + c.y) / 4.4) - 0.5, saw((c.x - c.y) / 4.4) - 0.5
    screen = (cx * cx + cy * cy).sqrt() - 0.38
    level = y + screen * 0.16
    out = inks[:, 0][:, :, None, None].expand_as(photo).clone()
    c.image = out
    for i, cut in enumerate((0.27, 0.48, 0.70)):
        c.paint(((level - cut) * 18 + 0.5).clamp(0, 1), inks[:, i + 1][:, :, None, None])
    edge = (blur(c, y[:, None], 2.0)[:, 0] - y) * 9 - 0.35
    c.paint(edge.clamp(0, 0.9), inks[:, 0][:, :, None, None])
    c.add(c.tex("fine", d, 4) + c.tex("grain", d, 4))
    return c.image


def mosaic(c: Canvas, d: Draws) -> Tensor:
    photo = blur(c, c.image, 0.9)
    step = 4.8
    bend = noise("cloud", c.x + d.u(0, 99), c.y) * 1.4
    u, v = c.x + bend + d.u(0, 9), c.y - bend + d.u(0, 9)
    cx, cy = (u / step).floor(), (v / step).floor()
    number = cx * 31 + cy * 57
    colour = at(c, photo, (cx + 0.5) * step - (u - c.x), (cy + 0.5) * step - (v - c.y))
    px, py = (saw(u / step) - 0.5) * step, (saw(v / step) - 0.5) * step
    tone = 1 + (per_cell(d.table(251), number) - 0.5) * 0.26
    c.image = d.pick([(0.30, 0.28, 0.27), (0.80, 0.77, 0.72)]) + c.tex("fine", d, 5)[:, None]
    glaze = 0.03 * ((-px - py) / step) + c.tex("fine", d, 4)
    c.paint(
        c.cover(torch.maximum(px.abs(), py.abs()) - step * 0.43),
        ((colour - 0.5) * 1.2 + 0.52).clamp(0, 1),
        tone,
        glaze,
    )
    return c.image


def watercolour(c: Canvas, d: Draws) -> Tensor:
    """Washes that bleed, darken at their rims and granulate in the paper."""
    wx, wy = c.tex("blotch", d, 255 * 1.6), c.tex("blotch", d, 255 * 1.6)
    photo = at(c, blur(c, c.image, 0.8), c.x + wx, c.y + wy)
    broad = blur(c, photo, 2.5)
    wash = broad + (photo - broad) * 0.75
    steps = (wash * 6).floor() / 6 + 0.08
    wash = wash * 0.55 + steps * 0.45
    rim = (grey(blur(c, steps, 1.2)) - grey(steps)).clamp(0, 1) * 1.3
    bloom = noise("cloud", c.x * 1.5 + d.u(0, 99), c.y * 1.5) * 0.05
    paper = rgb(0.98, 0.97, 0.93)
    density = (0.80 + bloom - 0.15 * grey(wash))[:, None]
    tooth = c.tex("grain", d, 7) + c.tex("fine", d, 5)
    c.image = (
        paper * (1 - density)
        + wash * density
        - rim[:, None]
        + tooth[:, None] * (1.2 - grey(wash)[:, None] * 0.7)
    )
    return c.image


def woodcut(c: Canvas, d: Draws) -> Tensor:
    """Black carved lines that follow the form, over one flat second ink."""
    y = grey(c.image)
    local = blur(c, y[:, None], 10.0)[:, 0]
    y = (y + (0.52 - local) * 0.55).clamp(0, 1)  # even out the exposure, so that night scenes print too
    field = flow(c, c.image, d, 0.015)
    phase = (c.x * 0.35 + c.y) / 3.8 + blur(c, y[:, None], 5.0)[:, 0] * 2.0 + field[:, 0] * 0.1
    cut = wave(phase) * 0.13 + noise("strand", c.y * 0.9 + d.u(0, 60), c.x * 0.5) * 0.04
    level = y * 0.55 + (y - blur(c, y[:, None], 5.0)[:, 0]) * 1.7 + 0.25 + cut
    paper, second = (
        rgb(0.94, 0.89, 0.78),
        d.pick([(0.80, 0.46, 0.30), (0.52, 0.64, 0.58), (0.86, 0.68, 0.36), (0.55, 0.60, 0.74)]),
    )
    c.image = paper + c.tex("strand", d, 4, swap=True)[:, None]
    c.paint(((0.62 - y - 0.3 * cut) * 14).clamp(0, 1), second, None, c.tex("strand", d, 7, swap=True))
    c.paint(
        ((0.45 - level) * 12 + 0.5).clamp(0, 1), rgb(0.09, 0.08, 0.09), None, c.tex("strand", d, 4, swap=True)
    )
    return c.image


def swirled(c: Canvas, d: Draws) -> Tensor:
    """Thick paint drawn along a swirling field (line integral convolution)."""
    photo = ((c.image - 0.5) * 1.2 + 0.52).clamp(0, 1)
    field = flow(c, photo, d, 0.035)
    seedling = noise("fine", c.x + d.u(0, 60), c.y + d.u(0, 60))[:, None] * 0.34
    both = torch.cat([photo, seedling], 1)
    total = both.clone()
    count = 1
    for sign in (1.0, -1.0):
        x, y = c.x.expand(c.n, c.size, c.size), c.y.expand(c.n, c.size, c.size)
        for _ in range(6):
            way = at(c, field, x, y)
            x, y = x + way[:, 0] * sign * 1.0, y + way[:, 1] * sign * 1.0
            total = total + at(c, both, x, y)
            count += 1
    total = total / count
    sharp = (photo - blur(c, photo, 1.5)) * 0.45  # the painter keeps the eyes
    c.image = total[:, :3] + total[:, 3:] * 0.65 + sharp
    return c.image


def stained(c: Canvas, d: Draws) -> Tensor:
    """Cells of coloured glass in lead: a pixel belongs to the nearest of the jittered centres around it."""
    photo = blur(c, c.image, 1.2)
    step = 7.5
    ou, ov = d.u(0, 64), d.u(0, 64)
    tx, ty = d.table(251), d.table(241)
    ax, ay = ((c.x + ou) / step).floor(), ((c.y + ov) / step).floor()
    best = second = torch.full((c.n, c.size, c.size), 1e9)
    bx = by = torch.zeros(c.n, c.size, c.size)
    for i in (-1, 0, 1):
        for j in (-1, 0, 1):
            gx, gy = ax + i, ay + j
            number = gx * 31 + gy * 57
            x = (gx + 0.5 + (per_cell(tx, number) - 0.5) * 0.8) * step - ou
            y = (gy + 0.5 + (per_cell(ty, number) - 0.5) * 0.8) * step - ov
            r = ((c.x - x) ** 2 + (c.y - y) ** 2).sqrt()
            nearer = r < best
            second = torch.minimum(second, torch.maximum(r, best))
            bx, by = torch.where(nearer, x, bx), torch.where(nearer, y, by)
            best = torch.minimum(best, r)
    colour = at(c, photo, bx.clamp(0, 127.9), by.clamp(0, 127.9))
    vivid = (grey(colour)[:, None] + (colour - grey(colour)[:, None]) * 1.7).clamp(0.02, 1)
    glow = 1.12 - best / step * 0.35
    c.image = vivid * glow[:, None] + (c.tex("blotch", d, 7) + c.tex("fine", d, 5))[:, None]
    c.paint(c.cover((second - best) - 1.0, 1.5), rgb(0.08, 0.08, 0.09), None, c.tex("fine", d, 5))
    return c.image


def crayon(c: Canvas, d: Draws) -> Tensor:
    """Wax strokes in one slant; the paper's tooth stays white where the hand was light."""
    photo = blur(c, c.image, 1.0)
    rich = (grey(photo)[:, None] + (photo - grey(photo)[:, None]) * 1.5).clamp(0, 1)
    slant = d.sign() * 0.7
    u, v = c.x + c.y * slant, c.y - c.x * slant
    scribble = noise("strand", u * 0.75 + d.u(0, 60), v * 0.55)
    tooth = noise("fine", c.x + d.u(0, 60), c.y) * 0.55
    dense = (0.75 - 0.9 * (grey(photo) - 0.5) + scribble * 0.35 + tooth * 0.4).clamp(0.08, 1)
    paper = rgb(0.97, 0.95, 0.90) + c.tex("grain", d, 4)[:, None]
    contour = (grey(blur(c, photo, 2.0)) - grey(photo)).clamp(0, 0.2) * 2.5
    c.image = (
        paper * (1 - dense[:, None])
        + rich * dense[:, None]
        - contour[:, None] * (0.8 + 0.3 * scribble[:, None])
    )
    return c.image


_TRAINED: dict[str, Callable[[Canvas, Draws], Tensor]] = {
    "impressionist": impressionist,
    "pointillist": pointillist,
    "engraved": engraved,
    "poster": poster,
    "mosaic": mosaic,
    "watercolour": watercolour,
    "woodcut": woodcut,
    "swirled": swirled,
}
_HELD_OUT: dict[str, Callable[[Canvas, Draws], Tensor]] = {"stained glass": stained, "crayon": crayon}
STYLES, HELD_OUT_STYLES = tuple(_TRAINED), tuple(_HELD_OUT)


def apply(style: str, images: Tensor, key: Tensor) -> Tensor:
    """images (N, 3, S, S) in [0, 1] painted in a style, for item keys (N,)."""
    c = Canvas(images.shape[0], images.shape[-1], images)
    return (_TRAINED | _HELD_OUT)[style](c, Draws(key, "style")).clamp(0, 1)
