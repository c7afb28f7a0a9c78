"""Scenes in nature with foliage, snow and rock (see outdoors.py for what a painter takes)."""

import torch
from torch import Tensor

from .chance import Draws
from .ground import bumpy, fir, grass, rgb, ridge, sky, trunks
from .shapes import Canvas, grade
from .texture import noise, per_cell, saw, wave


def forest(c: Canvas, d: Draws, side: Tensor) -> None:
    light = d.pick([(0.66, 0.78, 0.42), (0.56, 0.74, 0.46)])
    c.paint(
        torch.ones(c.n, c.size, c.size),
        grade((c.y - 10) / 90, light, rgb(0.24, 0.40, 0.20)),
        None,
        c.tex("leaf", d, 16) + c.tex("blotch", d, 12),
    )
    tree, _ = trunks(c, d, 13.0, 1.0, 2.0)
    c.paint(c.cover(tree, 1.6), rgb(0.33, 0.36, 0.24), None, c.tex("strand", d, 8))
    floor = 98.0 - c.y + bumpy(c, d, 1.5)
    c.paint(
        c.cover(floor), d.pick([(0.30, 0.27, 0.12), (0.24, 0.33, 0.14)]), None, c.tex("leaf", d, 15, 1, 1.7)
    )
    tree, cell = trunks(c, d, 30.0, 3.0, 5.5)
    across = (tree * 0.28).clamp(-1, 0)
    bark = noise("strand", c.x * 0.9 + d.u(0, 60), c.y * 0.5) * 18 + noise("grain", c.x, c.y * 0.5) * 7
    foot = torch.maximum(tree, c.y - 112 - 3 * wave(cell * 0.37) + 0 * c.x)
    c.paint(c.cover(foot), d.pick([(0.36, 0.24, 0.14), (0.30, 0.22, 0.16)]), 0.72 - across * 0.5, bark / 255)
    crown = (c.y - d.u(16, 26)) + bumpy(c, d, 7.0) + noise("cloud", c.x, d.u(0, 99)) * 6
    c.paint(c.cover(crown, 1.8), d.pick([(0.14, 0.36, 0.13), (0.18, 0.40, 0.12)]), None, c.tex("leaf", d, 24))
    fern = (118.0 - c.y) + bumpy(c, d, 4.0) + noise("strand", c.x * 0.8 + d.u(0, 60), c.y * 0.2) * 4
    c.paint(c.cover(fern, 1.8), rgb(0.20, 0.44, 0.14), None, c.tex("leaf", d, 18))
    beam = wave((c.x + c.y * 0.6 * side) / 46 + d.u()).clamp(min=0) * (1 - c.y / 128)
    c.paint(beam * 0.20, rgb(1.0, 0.97, 0.70))


def snow(c: Canvas, d: Draws, side: Tensor) -> None:
    sky(c, d, d.pick([(0.66, 0.74, 0.84), (0.60, 0.72, 0.88)]), rgb(0.90, 0.93, 0.97), 80.0, 0.5)
    hill = ridge(c, d, 74.0, 7.0, 0.7)
    c.paint(c.cover(hill), rgb(0.80, 0.86, 0.94), None, c.tex("blotch", d, 5) + c.tex("fine", d, 4))
    for i, (away, top) in enumerate(((52, 14), (30, 30), (-44, 22), (-58, 8), (12, 44))):
        x = c.x - (64 - side * (away + d.u(-4, 4)))
        up = top + d.u(-5, 5)
        foot = 96 + 4 * (i % 2) - (8 if i in (1, 4) else 0)
        tree = fir(c, x, c.y, up, foot, (foot - up) * 0.26) + bumpy(c, d, 0.5, "grain")
        c.paint(c.cover(tree), rgb(0.10, 0.27, 0.25), None, c.tex("leaf", d, 12))
        tier = saw(((c.y - up) / (foot - up)).clamp(0, 1) * 4.999)
        load = ((0.42 - tier) * 6 + bumpy(c, d, 1.0, "grain")).clamp(
            0, 0.95
        )  # snow on the upper half of a tier
        c.paint(c.cover(tree) * load, rgb(0.94, 0.96, 1.0), None, c.tex("fine", d, 4))
    ground = ridge(c, d, 92.0, 2.0, 0.8)
    drift = c.tex("ripple", d, 6, 0.5, 0.4, True) + c.tex("blotch", d, 4) + c.tex("fine", d, 4.5)
    c.paint(c.cover(ground), rgb(0.93, 0.95, 0.99), None, drift)
    for step, radius in ((15.0, 1.25), (9.0, 0.75)):
        u, v = c.x + d.u(0, 60), c.y + d.u(0, 60)
        cx, cy = (u / step).floor(), (v / step).floor()
        number = cx * 17 + cy * 5
        ox, oy = per_cell(d.table(97), number), per_cell(d.table(89), number)
        px, py = saw(u / step) - 0.2 - 0.6 * ox, saw(v / step) - 0.2 - 0.6 * oy
        c.paint(c.cover((px * px + py * py).sqrt() * step - radius, 1.6) * 0.9, rgb(1.0, 1.0, 1.0))


def garden(c: Canvas, d: Draws, side: Tensor) -> None:
    sky(c, d, rgb(0.55, 0.80, 0.96), rgb(0.88, 0.95, 0.97), 34.0, 0.7)
    hedge = d.u(22, 30) - c.y + bumpy(c, d, 2.5)
    c.paint(c.cover(hedge), d.pick([(0.20, 0.48, 0.18), (0.26, 0.52, 0.22)]), None, c.tex("leaf", d, 20))
    lawn = 52.0 - c.y + bumpy(c, d, 1.0)
    c.paint(
        c.cover(lawn),
        rgb(0.34, 0.62, 0.24),
        1.0 - 0.2 * (c.y / 128 + 0 * c.x),
        c.tex("leaf", d, 15) + c.tex("strand", d, 8),
    )
    hues = torch.tensor(
        [
            (0.93, 0.22, 0.32),
            (0.98, 0.80, 0.16),
            (0.97, 0.55, 0.75),
            (0.70, 0.36, 0.80),
            (0.98, 0.97, 0.95),
            (0.97, 0.50, 0.15),
        ]
    )
    for row, (step, first) in enumerate(((9.0, 36.0), (13.0, 60.0), (18.0, 86.0), (18.0, 96.0))):
        v = c.y - first + 0 * c.x
        cy = (v / step).floor()
        u = c.x + d.u(0, 60) + (cy % 2) * step * 0.5
        cx = (u / step).floor()
        number = cx * 13 + cy * 29
        ox, oy, hue, there = (per_cell(d.table(k), number) for k in (97, 89, 83, 79))
        px, py = (
            (saw(u / step) - 0.5 - 0.24 * (ox - 0.5)) * step,
            (saw(v / step) - 0.5 - 0.24 * (oy - 0.5)) * step,
        )
        r = (px * px + py * py).sqrt()
        size = step * (0.30 + 0.06 * hue)
        lobes = wave((px / (px.abs() + py.abs() + 0.1)) * 1.25 + hue) * 0.14 + 0.86
        show = (there > 0.25).float() * (v > 0).float()
        dark = d.u(0, 6)
        colour = hues[((hue * 6 + dark) % 6).long().clamp(0, 5)].permute(0, 3, 1, 2)
        c.paint(c.cover(r - size * 1.25) * show * 0.45, rgb(0.10, 0.32, 0.10))
        c.paint(
            c.cover(r - size * lobes) * show,
            colour,
            0.80 + 0.28 * (r / size).clamp(0, 1),
            c.tex("fine", d, 7 + row),
        )
        c.paint(
            c.cover(r - size * 0.34) * show, colour * 0.25 + rgb(0.62, 0.45, 0.05), None, c.tex("fine", d, 8)
        )


def mountains(c: Canvas, d: Draws, side: Tensor) -> None:
    sky(c, d, rgb(0.30, 0.50, 0.86), d.pick([(0.84, 0.88, 0.97), (0.98, 0.85, 0.80)]), 70.0, 0.6)
    u = c.x + d.u(0, 128)
    for level, step, high, rock in (
        (62.0, 44.0, 50.0, (0.48, 0.50, 0.66)),
        (80.0, 58.0, 46.0, (0.40, 0.40, 0.50)),
    ):
        number = (u / step).floor()
        up = per_cell(d.table(32), number) * 0.45 + 0.55
        x = (saw(u / step) - 0.5) * step
        jag = noise("blotch", c.x * 0.7 + d.u(0, 60), c.y * 0.7) * 1.8 + noise("cloud", c.x, c.y) * 1.5
        peak = level - high * up + x.abs() * (high / step) * 1.55 + jag
        face = (x + jag * 2 > 0).float()
        cracks = noise("strand", c.x * 0.8 - c.y * 0.5 * (face * 2 - 1) + d.u(0, 60), c.y * 0.6) * 11 / 255
        d_rock = torch.minimum(peak, level + jag) - c.y
        c.paint(c.cover(d_rock), rgb(*rock), 1.12 - 0.34 * face, cracks + c.tex("grain", d, 4))
        cap = torch.maximum(d_rock, c.y - (level - high * up + 16 + jag * 2.5))
        c.paint(c.cover(cap), rgb(0.96, 0.97, 1.0), 1.0 - 0.14 * face, cracks * 0.6)
        u = u + 31.0
    meadow = ridge(c, d, 84.0, 5.0, 0.7)
    c.paint(c.cover(meadow), d.pick([(0.42, 0.60, 0.26), (0.50, 0.62, 0.28)]), None, grass(c, d, 70.0, 13.0))
    for away in (50, 58, 40):
        x = c.x - (64 - side * (away + d.u(-3, 3)))
        tree = fir(c, x, c.y, d.u(58, 72), 102.0, d.u(7, 10)) + bumpy(c, d, 0.5, "grain")
        c.paint(c.cover(tree), rgb(0.10, 0.30, 0.18), None, c.tex("leaf", d, 13))
