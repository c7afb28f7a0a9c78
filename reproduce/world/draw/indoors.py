"""Indoor scenes and the studio backdrop (see outdoors.py for what a painter takes)."""

import torch
from torch import Tensor

from .chance import Draws
from .ground import bumpy, rgb, wall
from .shapes import Canvas, box, ellipse, grade
from .texture import noise, per_cell, saw, wave


def studio(c: Canvas, d: Draws, side: Tensor) -> None:
    colour = d.pick(
        [(0.55, 0.58, 0.62), (0.62, 0.52, 0.44), (0.40, 0.50, 0.48), (0.70, 0.68, 0.64), (0.46, 0.42, 0.54)]
    )
    r = ((c.x - 64) ** 2 + (c.y - 52) ** 2).sqrt() / 90
    mottle = noise("cloud", c.x * 1.3 + d.u(0, 99), c.y * 1.3) * 0.05
    c.paint(
        torch.ones(c.n, c.size, c.size),
        colour,
        1.2 - 0.55 * r + mottle,
        c.tex("plaster", d, 5) + c.tex("blotch", d, 4),
    )


def mirror_frame(side: Tensor) -> tuple[Tensor, Tensor, float, float]:
    """Centre x, centre y and half sizes of the mirror's glass."""
    return 64 - side * 33, torch.full_like(side, 50.0), 24.0, 41.0


def mirror(c: Canvas, d: Draws, side: Tensor) -> None:
    wall(c, d, d.pick([(0.62, 0.25, 0.25), (0.18, 0.40, 0.42), (0.48, 0.22, 0.38)]))
    u, v = (c.x + d.u(0, 60)) / 13, (c.y + d.u(0, 60)) / 13
    odd = (u.floor() % 2) * 0.5
    px, py = saw(u) - 0.5, saw(v + odd) - 0.5
    damask = c.cover(((px * px * 2.2 + py * py).sqrt() - 0.30) * 13) * (
        0.6 + 0.4 * wave((px * px + py * py).sqrt() * 7)
    )
    c.paint(damask * 0.30, rgb(0.95, 0.78, 0.50))
    mx, my, hw, hh = mirror_frame(side)
    x, y = c.x - mx, c.y - my
    frame = box(x, y, hw + 6, hh + 6, 3.0)
    c.paint(c.cover(frame - 2.5, 5.0) * 0.4, rgb(0.08, 0.05, 0.05))
    carve = wave((x + y) / 4.5) * 14 + wave((x - y) / 4.5) * 14
    relief = 1.05 - 0.25 * ((frame + 3) / 3).clamp(-1, 1).abs()
    c.paint(c.cover(frame), d.pick([(0.80, 0.62, 0.26), (0.72, 0.52, 0.20)]), relief, carve / 255)
    glass = box(x, y, hw, hh)
    pane = grade((x + y + 60) / 120, rgb(0.70, 0.80, 0.84), rgb(0.50, 0.60, 0.66))
    c.paint(c.cover(glass), pane, None, c.tex("plaster", d, 4))


def mirror_gloss(c: Canvas, d: Draws, side: Tensor) -> None:
    """Streaks of light over the reflection."""
    mx, my, hw, hh = mirror_frame(side)
    x, y = c.x - mx, c.y - my
    glass = c.cover(box(x, y, hw, hh))
    streak = ((x + y * 0.6 + 14).abs() - 4).minimum((x + y * 0.6 - 2).abs() - 1.4)
    c.paint(glass * c.cover(streak, 2.0) * 0.28, rgb(1.0, 1.0, 1.0))
    c.paint(glass * c.cover(-box(x, y, hw - 1.2, hh - 1.2), 1.5) * 0.6, rgb(0.90, 0.95, 0.98))


def wedding(c: Canvas, d: Draws, side: Tensor) -> None:
    wall(c, d, rgb(0.93, 0.90, 0.86), 3.0)
    drape = noise("ripple", c.x * 0.55 + d.u(0, 60), c.y * 0.12)
    fold = wave(c.x / 11.0 + 0.15 * noise("cloud", c.x, c.y * 0.4))
    c.add((drape * 7 + fold * 8) / 255)
    for sx in (-1.0, 1.0):  # candles or lanterns beside the arch
        lamp = ellipse(c.x - 64 - sx * 57, c.y - 70, 3.0, 5.0)
        c.paint((1 - lamp.clamp(min=0) / 12).clamp(0, 1) * 0.4, rgb(1.0, 0.86, 0.50))
        c.paint(c.cover(lamp), rgb(1.0, 0.93, 0.66))
    rx = d.u(46, 50)
    r = (((c.x - 64) / rx) ** 2 + ((c.y - 60).clamp(max=0) / 46) ** 2).sqrt()
    band = (r - 1).abs() * 46 - 7.5 + bumpy(c, d, 2.2)
    c.paint(c.cover(band - 2, 4.0) * 0.35, rgb(0.35, 0.30, 0.28))
    c.paint(c.cover(band, 1.6), d.pick([(0.30, 0.50, 0.27), (0.38, 0.54, 0.34)]), None, c.tex("leaf", d, 22))
    hues = torch.tensor([(0.96, 0.62, 0.70), (0.98, 0.97, 0.95), (0.86, 0.30, 0.42), (0.97, 0.82, 0.74)])
    for step, cut in ((10.0, 0.12), (7.0, 0.45)):
        v = c.y + d.u(0, 60)
        u = c.x + d.u(0, 60) + ((v / step).floor() % 2) * step * 0.5
        number = (u / step).floor() * 13 + (v / step).floor() * 29
        ox, oy, hue, there = (per_cell(d.table(k), number) for k in (97, 89, 83, 79))
        px, py = (
            (saw(u / step) - 0.5 - 0.2 * (ox - 0.5)) * step,
            (saw(v / step) - 0.5 - 0.2 * (oy - 0.5)) * step,
        )
        q = (px * px + py * py).sqrt()
        size = step * 0.40
        petals = 0.86 + 0.18 * wave(q / size * 2.2 + px / (px.abs() + py.abs() + 0.1))
        rose = c.cover(q - size) * c.cover(band - 1.0, 2.0) * (there > cut).float()
        c.paint(rose, hues[(hue * 3.999).long()].permute(0, 3, 1, 2), petals, c.tex("fine", d, 6))
    floor = 116.0 - c.y + 0 * c.x
    c.paint(c.cover(floor), rgb(0.78, 0.70, 0.62), None, c.tex("leaf", d, 8, 1, 2))


def plane(c: Canvas, d: Draws, side: Tensor) -> None:
    c.paint(
        torch.ones(c.n, c.size, c.size),
        grade(c.y / 90, rgb(0.90, 0.89, 0.86), rgb(0.76, 0.77, 0.78)),
        None,
        c.tex("plaster", d, 4.0),
    )
    step = 38.0
    x = (saw((c.x + d.u(0, step)) / step) - 0.5) * step
    y = c.y - 46
    c.paint(c.cover(box(x, y, 12.5, 17.5, 10.0)), rgb(0.64, 0.65, 0.67), None, c.tex("fine", d, 3))
    c.paint(c.cover(box(x, y, 10.5, 15.5, 9.0)), rgb(0.97, 0.97, 0.96), None, c.tex("fine", d, 3))
    hole = c.cover(box(x, y, 8.4, 13.0, 7.5))
    c.paint(
        hole, grade((c.y - 32) / 28, d.pick([(0.20, 0.45, 0.86), (0.32, 0.55, 0.90)]), rgb(0.72, 0.87, 0.98))
    )
    puff = noise("cloud", c.x * 1.5 + d.u(0, 99), c.y * 3.0) + (c.y - 52) * 0.14
    c.paint(hole * (puff * 0.8).clamp(0, 0.95), rgb(1.0, 1.0, 1.0), None, c.tex("blotch", d, 6))
    c.paint(
        hole * c.cover(c.y - 32 - 9 * d.u()), rgb(0.90, 0.90, 0.88), None, wave(c.y / 3.0) * 7 / 255 + 0 * x
    )
    bins = c.y - 20 + 0 * c.x
    c.paint(c.cover(bins - 2.5, 5.0) * 0.4, rgb(0.35, 0.36, 0.38))
    c.paint(c.cover(bins), rgb(0.84, 0.84, 0.83), 0.8 + 0.2 * c.y / 20, c.tex("plaster", d, 4))
    c.paint(c.cover(torch.maximum(x.abs() - 0.5, bins)), rgb(0.50, 0.52, 0.55))
    c.paint(c.cover(torch.maximum((c.y - 12).abs() - 1.2, x.abs() - 5)), rgb(0.55, 0.57, 0.60))
    seat = d.pick([(0.12, 0.24, 0.50), (0.16, 0.30, 0.58), (0.46, 0.13, 0.18)])
    weave = wave((c.x + c.y) / 3.4) * wave((c.x - c.y) / 3.4) * 13 / 255 + c.tex("fine", d, 6)
    sx = (saw((c.x + d.u(0, 12) + 14) / 43.0) - 0.5) * 43
    back = box(sx, c.y - 122, 19.0, 46.0, 9.0)
    c.paint(c.cover(back - 1.2), seat * 0.5)
    c.paint(c.cover(back), seat, 1.1 - 0.012 * sx.abs() + 0 * c.y, weave)
    rest = box(sx, c.y - 84, 14.0, 6.5, 3.0)
    c.paint(c.cover(rest), rgb(0.90, 0.89, 0.84), None, c.tex("grain", d, 7))
