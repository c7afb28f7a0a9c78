"""Indoor scenes and the studio backdrop (see outdoors.py for what a painter takes)."""

import torch
from torch import Tensor

from .chance import Draws
from .outdoors import bumpy, far, rgb
from .shapes import Canvas, box, ellipse, grade
from .texture import noise, per_cell, saw, wave


def wall(c: Canvas, d: Draws, colour: Tensor, levels: float = 5.0) -> None:
    shade = 1.04 - 0.12 * ((c.x - d.u(20, 108)) / 100).abs() + 0 * c.y
    c.paint(torch.ones(c.n, c.size, c.size), colour, shade, c.tex("plaster", d, levels))


def wood(c: Canvas, d: Draws, levels: float = 10.0, upright: bool = False) -> Tensor:
    """Wood grain along x (or y)."""
    u, v = (c.x, c.y) if upright else (c.y, c.x)
    bend = noise("cloud", u * 0.5 + d.u(0, 99), v * 0.5)
    return (noise("ripple", u * 1.2 + bend * 3 + d.u(0, 60), v * 0.5) * levels + noise("fine", u, v * 0.3) * levels * 0.4) / 255


def studio(c: Canvas, d: Draws, side: Tensor) -> None:
    colour = d.pick([(0.55, 0.58, 0.62), (0.62, 0.52, 0.44), (0.40, 0.50, 0.48), (0.70, 0.68, 0.64), (0.46, 0.42, 0.54)])
    r = ((c.x - 64) ** 2 + (c.y - 52) ** 2).sqrt() / 90
    mottle = noise("cloud", c.x * 1.3 + d.u(0, 99), c.y * 1.3) * 0.05
    c.paint(torch.ones(c.n, c.size, c.size), colour, 1.2 - 0.55 * r + mottle, c.tex("plaster", d, 5) + c.tex("blotch", d, 4))


def mirror_frame(side: Tensor) -> tuple[Tensor, Tensor, float, float]:
    """Centre x, centre y and half sizes of the mirror's glass."""
    return 64 - side * 33, torch.full_like(side, 50.0), 24.0, 41.0


def mirror(c: Canvas, d: Draws, side: Tensor) -> None:
    wall(c, d, d.pick([(0.62, 0.25, 0.25), (0.18, 0.40, 0.42), (0.48, 0.22, 0.38)]))
    u, v = (c.x + d.u(0, 60)) / 13, (c.y + d.u(0, 60)) / 13
    odd = (u.floor() % 2) * 0.5
    px, py = saw(u) - 0.5, saw(v + odd) - 0.5
    damask = c.cover(((px * px * 2.2 + py * py).sqrt() - 0.30) * 13) * (0.6 + 0.4 * wave((px * px + py * py).sqrt() * 7))
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
    streak = torch.maximum(((x + y * 0.6 + 14).abs() - 4), -9 + 0 * x).minimum((x + y * 0.6 - 2).abs() - 1.4)
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
        u, v = c.x + d.u(0, 60), c.y + d.u(0, 60)
        number = (u / step).floor() * 13 + (v / step).floor() * 29
        ox, oy, hue, there = (per_cell(d.table(k), number) for k in (97, 89, 83, 79))
        px, py = (saw(u / step) - 0.5 - 0.2 * (ox - 0.5)) * step, (saw(v / step) - 0.5 - 0.2 * (oy - 0.5)) * step
        q = (px * px + py * py).sqrt()
        size = step * 0.40
        petals = 0.86 + 0.18 * wave(q / size * 2.2 + px / (px.abs() + py.abs() + 0.1))
        rose = c.cover(q - size) * c.cover(band - 1.0, 2.0) * (there > cut).float()
        c.paint(rose, hues[(hue * 3.999).long()].permute(0, 3, 1, 2), petals, c.tex("fine", d, 6))
    floor = 116.0 - c.y + 0 * c.x
    c.paint(c.cover(floor), rgb(0.78, 0.70, 0.62), None, c.tex("leaf", d, 8, 1, 2))


def plane(c: Canvas, d: Draws, side: Tensor) -> None:
    c.paint(torch.ones(c.n, c.size, c.size), grade(c.y / 90, rgb(0.90, 0.89, 0.86), rgb(0.76, 0.77, 0.78)), None, c.tex("plaster", d, 4.0))
    step = 38.0
    x = (saw((c.x + d.u(0, step)) / step) - 0.5) * step
    y = c.y - 46
    c.paint(c.cover(box(x, y, 12.5, 17.5, 10.0)), rgb(0.64, 0.65, 0.67), None, c.tex("fine", d, 3))
    c.paint(c.cover(box(x, y, 10.5, 15.5, 9.0)), rgb(0.97, 0.97, 0.96), None, c.tex("fine", d, 3))
    hole = c.cover(box(x, y, 8.4, 13.0, 7.5))
    c.paint(hole, grade((c.y - 32) / 28, d.pick([(0.20, 0.45, 0.86), (0.32, 0.55, 0.90)]), rgb(0.72, 0.87, 0.98)))
    puff = noise("cloud", c.x * 1.5 + d.u(0, 99), c.y * 3.0) + (c.y - 52) * 0.14
    c.paint(hole * (puff * 0.8).clamp(0, 0.95), rgb(1.0, 1.0, 1.0), None, c.tex("blotch", d, 6))
    c.paint(hole * c.cover(c.y - 32 - 9 * d.u()), rgb(0.90, 0.90, 0.88), None, wave(c.y / 3.0) * 7 / 255 + 0 * x)
    bins = c.y - 20 + 0 * c.x
    c.paint(c.cover(bins - 2.5, 5.0) * 0.4, rgb(0.35, 0.36, 0.38))
    c.paint(c.cover(bins), rgb(0.84, 0.84, 0.83), 0.8 + 0.2 * c.y / 20, c.tex("plaster", d, 4))
    c.paint(c.cover(torch.maximum((x.abs() - 0.5), bins)), rgb(0.50, 0.52, 0.55))
    c.paint(c.cover(torch.maximum((c.y - 12).abs() - 1.2, x.abs() - 5)), rgb(0.55, 0.57, 0.60))
    seat = d.pick([(0.12, 0.24, 0.50), (0.16, 0.30, 0.58), (0.46, 0.13, 0.18)])
    weave = wave((c.x + c.y) / 3.4) * wave((c.x - c.y) / 3.4) * 13 / 255 + c.tex("fine", d, 6)
    sx = (saw((c.x + d.u(0, 12) + 14) / 43.0) - 0.5) * 43
    back = box(sx, c.y - 122, 19.0, 46.0, 9.0)
    c.paint(c.cover(back - 1.2), seat * 0.5)
    c.paint(c.cover(back), seat, 1.1 - 0.012 * sx.abs() + 0 * c.y, weave)
    rest = box(sx, c.y - 84, 14.0, 6.5, 3.0)
    c.paint(c.cover(rest), rgb(0.90, 0.89, 0.84), None, c.tex("grain", d, 7))


def office(c: Canvas, d: Draws, side: Tensor) -> None:
    wall(c, d, rgb(0.78, 0.81, 0.84), 4.0)
    c.paint(c.cover(c.y - 13 + 0 * c.x), rgb(0.88, 0.89, 0.90), None, c.tex("fine", d, 4))
    tube = box((saw((c.x + d.u(0, 50)) / 50) - 0.5) * 50, c.y - 6, 16.0, 3.0)
    c.paint(c.cover(tube), rgb(1.0, 1.0, 1.0))
    wx = c.x - (64 + side * 38)
    window = box(wx, c.y - 44, 24.0, 25.0)
    c.paint(c.cover(window - 2.0), rgb(0.55, 0.57, 0.60), None, c.tex("fine", d, 3))
    c.paint(c.cover(window), grade((c.y - 20) / 50, rgb(0.52, 0.72, 0.90), rgb(0.84, 0.90, 0.94)))
    tower = box((saw(wx / 15 + d.u()) - 0.5) * 15, c.y - 74, 5.5, 28.0)
    c.paint(c.cover(torch.maximum(tower, window)), rgb(0.52, 0.58, 0.66), None, wave(c.y / 3.4) * wave(wx / 3.0) * 16 / 255)
    slats = wave(c.y / 4.4)
    c.paint(c.cover(window) * (slats * 2).clamp(0, 1) * 0.75, rgb(0.93, 0.94, 0.94), None, c.tex("fine", d, 3))
    lx = c.x - (64 - side * 40)
    shelf = box(lx, c.y - 36, 23.0, 18.0)
    c.paint(c.cover(shelf), rgb(0.42, 0.44, 0.48), None, c.tex("fine", d, 4))
    number = (lx / 5.0).floor() + ((c.y - 36) / 18).floor() * 11
    hue = per_cell(d.table(61), number)
    hues = torch.tensor([(0.16, 0.26, 0.50), (0.75, 0.20, 0.18), (0.88, 0.88, 0.86), (0.15, 0.15, 0.17), (0.20, 0.50, 0.38)])
    by = (saw((c.y - 36) / 18) - 0.56) * 18
    bx = (saw(lx / 5.0) - 0.5) * 5.0
    binder = torch.maximum(box(bx, by, 2.1, 6.8), shelf + 1.5)
    c.paint(c.cover(binder), hues[(hue * 4.999).long()].permute(0, 3, 1, 2), 1.05 - 0.1 * bx.abs(), c.tex("fine", d, 6))
    c.paint(c.cover(torch.maximum(box(bx, by + 2, 1.2, 2.0), shelf + 1.5)), rgb(0.95, 0.95, 0.94))
    c.paint(c.cover(84.0 - c.y + 0 * c.x), rgb(0.56, 0.58, 0.62), None, wave(c.x / 3.0) * wave(c.y / 3.0) * 7 / 255 + c.tex("fine", d, 5))
    screen = box(lx, c.y - 74, 19.0, 13.5, 1.5)
    c.paint(c.cover(box(lx, c.y - 92, 3.0, 8.0)), rgb(0.20, 0.21, 0.23))
    c.paint(c.cover(screen), rgb(0.10, 0.11, 0.13))
    c.paint(c.cover(screen + 1.8), d.pick([(0.30, 0.52, 0.80), (0.20, 0.42, 0.66)]), 0.8 + 0.01 * (c.y - 60) + 0 * c.x)
    text = per_cell(d.table(53), ((c.y - 60) / 3.6).floor() + 0 * c.x) * 26 - 16 - lx
    c.paint(c.cover(screen + 4) * (wave(c.y / 3.6) * 2).clamp(0, 1) * c.cover(-text), rgb(0.92, 0.96, 1.0), None, c.tex("fine", d, 8))
    desk = 98.0 - c.y + 0 * c.x
    c.paint(c.cover(desk), d.pick([(0.68, 0.52, 0.36), (0.58, 0.44, 0.32)]), None, wood(c, d, 9))
    c.paint(c.cover(desk.abs() - 0.8), rgb(0.86, 0.72, 0.54))


def kitchen(c: Canvas, d: Draws, side: Tensor) -> None:
    tile = d.pick([(0.93, 0.92, 0.86), (0.74, 0.88, 0.84), (0.90, 0.84, 0.70)])
    c.paint(torch.ones(c.n, c.size, c.size), tile, None, c.tex("plaster", d, 4))
    tx, ty = (saw((c.x + d.u(0, 11)) / 11) - 0.5).abs() * 11, (saw(c.y / 11) - 0.5).abs() * 11
    c.paint(c.cover(4.9 - torch.maximum(tx, ty)), tile * 0.70)
    odd = per_cell(d.table(97), (c.x / 11).floor() * 7 + (c.y / 11).floor() * 3)
    c.add((odd - 0.5) * 0.05)
    cup = d.pick([(0.30, 0.52, 0.50), (0.84, 0.80, 0.70), (0.62, 0.38, 0.24), (0.86, 0.55, 0.42)])
    ux = (saw((c.x - 64 + side * 4) / 30) - 0.5) * 30
    cabinet = torch.maximum(c.y - 27, (ux.abs() - 14.6))
    away = (c.x - 64) * side
    cabinet = torch.maximum(cabinet, -away - 30)  # leaves room for the hood on the landmark's side
    c.paint(c.cover(cabinet), cup, None, wood(c, d, 6, True))
    c.paint(c.cover((torch.maximum(ux.abs() - 11, (c.y - 12).abs() - 11.5)).abs() - 0.6) * c.cover(cabinet), cup * 0.66)
    knob = ellipse(ux.abs() - 12.6, c.y - 21, 1.3, 1.3)
    c.paint(c.cover(knob) * c.cover(cabinet), rgb(0.85, 0.78, 0.50))
    hx = c.x - (64 - side * 42)
    hood = torch.maximum(hx.abs() - 6 - (c.y - 14).clamp(min=0) * 0.95, c.y - 30)
    c.paint(c.cover(hood), rgb(0.66, 0.68, 0.70), 1 - 0.25 * (hx / 20), noise("fine", c.x * 0.3, c.y) * 6 / 255)
    c.paint(c.cover(torch.maximum(hx.abs() - 22, (c.y - 31).abs() - 1.6)), rgb(0.40, 0.42, 0.44))
    rail = (c.y - 42).abs() - 0.8 + 0 * c.x
    c.paint(c.cover(rail), rgb(0.55, 0.55, 0.57))
    for i in range(4):  # pans and spoons hang from a rail
        px = c.x - (64 + side * (8 + 15 * i)) - d.u(-2, 2)
        c.paint(c.cover(box(px, c.y - 50, 0.8, 8.0)), rgb(0.35, 0.30, 0.28))
        pan = ellipse(px, c.y - 63, 4.2 + 2.2 * (i % 2), 4.4 + 2.0 * (i % 2))
        c.paint(c.cover(pan), d.pick([(0.76, 0.42, 0.24), (0.30, 0.30, 0.33), (0.70, 0.71, 0.73)]), 1.1 + 0.10 * pan.clamp(-3, 0), c.tex("fine", d, 6))
    counter = 92.0 - c.y + 0 * c.x
    stove = box(hx, c.y - 106, 24.0, 20.0)
    c.paint(c.cover(counter), d.pick([(0.60, 0.42, 0.27), (0.70, 0.52, 0.34)]), None, wood(c, d, 10))
    c.paint(c.cover(97.0 - c.y + 0 * c.x), cup * 0.9, None, wood(c, d, 6, True))
    c.paint(c.cover(stove), rgb(0.24, 0.24, 0.26), None, c.tex("fine", d, 5))
    c.paint(c.cover(box(hx, c.y - 112, 18.0, 9.0, 2.0)), rgb(0.08, 0.08, 0.09), None, c.tex("grain", d, 4))
    pot = box(hx, c.y - 79, 11.0, 8.0, 2.0)
    c.paint(c.cover(pot), d.pick([(0.78, 0.20, 0.18), (0.20, 0.36, 0.62), (0.88, 0.70, 0.22)]), 1.1 - 0.02 * hx.abs() + 0 * c.y, c.tex("fine", d, 5))
    c.paint(c.cover(box(hx, c.y - 70, 12.5, 1.2)), rgb(0.20, 0.20, 0.22))
    steam = noise("cloud", hx * 1.6 + d.u(0, 99), c.y * 0.9) * (1 - hx.abs() / 14).clamp(0, 1) * ((c.y - 34) / 30).clamp(0, 1) * (c.y < 71).float()
    c.paint(steam.clamp(0, 0.6), rgb(1, 1, 1))


def library(c: Canvas, d: Draws, side: Tensor) -> None:
    plank = d.pick([(0.36, 0.22, 0.12), (0.44, 0.28, 0.16)])
    c.paint(torch.ones(c.n, c.size, c.size), plank * 0.45, None, wood(c, d, 5))
    high = 25.0
    y0 = c.y + d.u(0, high)
    row = (y0 / high).floor()
    y = saw(y0 / high) * high  # 0 at the top of a shelf
    u = c.x + row * 37.7 + d.u(0, 60)
    step = 6.4
    cell = (u / step).floor()
    number = cell + row * 41
    tall, hue, tone = (per_cell(d.table(k), number) for k in (97, 89, 83))
    hues = torch.tensor([(0.56, 0.14, 0.13), (0.14, 0.24, 0.42), (0.16, 0.36, 0.22), (0.76, 0.62, 0.36), (0.40, 0.25, 0.15),
                         (0.84, 0.80, 0.70), (0.36, 0.16, 0.32)])
    x = (saw(u / step) - 0.5) * step
    wide = step * (0.41 + 0.08 * tone)
    book = torch.maximum(x.abs() - wide, torch.maximum(5.0 + 6.5 * tall - y, y - 21.8))
    spine = 0.78 + 0.30 * (1 - (x / wide) ** 2) + 0.25 * (tone - 0.5)
    c.paint(c.cover(book), hues[(hue * 6.999).long()].permute(0, 3, 1, 2), spine, c.tex("fine", d, 6) + c.tex("strand", d, 4))
    gilt = torch.minimum((y - 13 - 2 * tall).abs() - 0.5, (y - 19).abs() - 0.5)
    c.paint(c.cover(gilt) * c.cover(book + 0.6) * (tone > 0.35).float() * 0.85, rgb(0.90, 0.76, 0.40))
    c.paint(c.cover((y - 23.4).abs() - 1.7), plank, 1.1 - 0.10 * (y - 23), wood(c, d, 10))
    post = (saw((c.x + d.u(0, 64)) / 64) - 0.5).abs() * 64 - 2.6
    c.paint(c.cover(post + 0 * c.y), plank * 1.12, 1 - 0.03 * (post + 2.6) + 0 * c.y, wood(c, d, 10, True))
    lamp = ((c.x - 64 + side * 44) ** 2 + (c.y - 8) ** 2).sqrt()
    c.paint((1 - lamp / 75).clamp(0, 1) * 0.22, rgb(1.0, 0.85, 0.50))
    c.add(0 * far(c, 0.0))
