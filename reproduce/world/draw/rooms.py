"""Rooms full of things: office, kitchen, library (see outdoors.py for what a painter takes)."""

import torch
from torch import Tensor

from .chance import Draws
from .ground import rgb, wall, wood
from .shapes import Canvas, box, ellipse, grade
from .texture import noise, per_cell, saw, wave


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
    c.paint(
        c.cover(torch.maximum(tower, window)),
        rgb(0.52, 0.58, 0.66),
        None,
        wave(c.y / 3.4) * wave(wx / 3.0) * 16 / 255,
    )
    slats = wave(c.y / 4.4)
    c.paint(
        c.cover(window) * (slats * 2).clamp(0, 1) * 0.75, rgb(0.93, 0.94, 0.94), None, c.tex("fine", d, 3)
    )
    lx = c.x - (64 - side * 40)
    shelf = box(lx, c.y - 36, 23.0, 18.0)
    c.paint(c.cover(shelf), rgb(0.42, 0.44, 0.48), None, c.tex("fine", d, 4))
    number = (lx / 5.0).floor() + ((c.y - 36) / 18).floor() * 11
    hue = per_cell(d.table(61), number)
    hues = torch.tensor(
        [(0.16, 0.26, 0.50), (0.75, 0.20, 0.18), (0.88, 0.88, 0.86), (0.15, 0.15, 0.17), (0.20, 0.50, 0.38)]
    )
    by = (saw((c.y - 36) / 18) - 0.56) * 18
    bx = (saw(lx / 5.0) - 0.5) * 5.0
    binder = torch.maximum(box(bx, by, 2.1, 6.8), shelf + 1.5)
    c.paint(
        c.cover(binder),
        hues[(hue * 4.999).long()].permute(0, 3, 1, 2),
        1.05 - 0.1 * bx.abs(),
        c.tex("fine", d, 6),
    )
    c.paint(c.cover(torch.maximum(box(bx, by + 2, 1.2, 2.0), shelf + 1.5)), rgb(0.95, 0.95, 0.94))
    c.paint(
        c.cover(84.0 - c.y + 0 * c.x),
        rgb(0.56, 0.58, 0.62),
        None,
        wave(c.x / 3.0) * wave(c.y / 3.0) * 7 / 255 + c.tex("fine", d, 5),
    )
    screen = box(lx, c.y - 74, 19.0, 13.5, 1.5)
    c.paint(c.cover(box(lx, c.y - 92, 3.0, 8.0)), rgb(0.20, 0.21, 0.23))
    c.paint(c.cover(screen), rgb(0.10, 0.11, 0.13))
    c.paint(
        c.cover(screen + 1.8),
        d.pick([(0.30, 0.52, 0.80), (0.20, 0.42, 0.66)]),
        0.8 + 0.01 * (c.y - 60) + 0 * c.x,
    )
    text = per_cell(d.table(53), ((c.y - 60) / 3.6).floor() + 0 * c.x) * 26 - 16 - lx
    c.paint(
        c.cover(screen + 4) * (wave(c.y / 3.6) * 2).clamp(0, 1) * c.cover(-text),
        rgb(0.92, 0.96, 1.0),
        None,
        c.tex("fine", d, 8),
    )
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
    c.paint(
        c.cover((torch.maximum(ux.abs() - 11, (c.y - 12).abs() - 11.5)).abs() - 0.6) * c.cover(cabinet),
        cup * 0.66,
    )
    knob = ellipse(ux.abs() - 12.6, c.y - 21, 1.3, 1.3)
    c.paint(c.cover(knob) * c.cover(cabinet), rgb(0.85, 0.78, 0.50))
    hx = c.x - (64 - side * 42)
    hood = torch.maximum(hx.abs() - 6 - (c.y - 14).clamp(min=0) * 0.95, c.y - 30)
    c.paint(
        c.cover(hood), rgb(0.66, 0.68, 0.70), 1 - 0.25 * (hx / 20), noise("fine", c.x * 0.3, c.y) * 6 / 255
    )
    c.paint(c.cover(torch.maximum(hx.abs() - 22, (c.y - 31).abs() - 1.6)), rgb(0.40, 0.42, 0.44))
    rail = (c.y - 42).abs() - 0.8 + 0 * c.x
    c.paint(c.cover(rail), rgb(0.55, 0.55, 0.57))
    for i in range(4):  # pans and spoons hang from a rail
        px = c.x - (64 + side * (8 + 15 * i)) - d.u(-2, 2)
        c.paint(c.cover(box(px, c.y - 50, 0.8, 8.0)), rgb(0.35, 0.30, 0.28))
        pan = ellipse(px, c.y - 63, 4.2 + 2.2 * (i % 2), 4.4 + 2.0 * (i % 2))
        c.paint(
            c.cover(pan),
            d.pick([(0.76, 0.42, 0.24), (0.30, 0.30, 0.33), (0.70, 0.71, 0.73)]),
            1.1 + 0.10 * pan.clamp(-3, 0),
            c.tex("fine", d, 6),
        )
    counter = 92.0 - c.y + 0 * c.x
    stove = box(hx, c.y - 106, 24.0, 20.0)
    c.paint(c.cover(counter), d.pick([(0.60, 0.42, 0.27), (0.70, 0.52, 0.34)]), None, wood(c, d, 10))
    c.paint(c.cover(97.0 - c.y + 0 * c.x), cup * 0.9, None, wood(c, d, 6, True))
    c.paint(c.cover(stove), rgb(0.24, 0.24, 0.26), None, c.tex("fine", d, 5))
    c.paint(c.cover(box(hx, c.y - 112, 18.0, 9.0, 2.0)), rgb(0.08, 0.08, 0.09), None, c.tex("grain", d, 4))
    pot = box(hx, c.y - 79, 11.0, 8.0, 2.0)
    c.paint(
        c.cover(pot),
        d.pick([(0.78, 0.20, 0.18), (0.20, 0.36, 0.62), (0.88, 0.70, 0.22)]),
        1.1 - 0.02 * hx.abs() + 0 * c.y,
        c.tex("fine", d, 5),
    )
    c.paint(c.cover(box(hx, c.y - 70, 12.5, 1.2)), rgb(0.20, 0.20, 0.22))
    steam = (
        noise("cloud", hx * 1.6 + d.u(0, 99), c.y * 0.9)
        * (1 - hx.abs() / 14).clamp(0, 1)
        * ((c.y - 34) / 30).clamp(0, 1)
        * (c.y < 71).float()
    )
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
    hues = torch.tensor(
        [
            (0.56, 0.14, 0.13),
            (0.14, 0.24, 0.42),
            (0.16, 0.36, 0.22),
            (0.76, 0.62, 0.36),
            (0.40, 0.25, 0.15),
            (0.84, 0.80, 0.70),
            (0.36, 0.16, 0.32),
        ]
    )
    x = (saw(u / step) - 0.5) * step
    wide = step * (0.41 + 0.08 * tone)
    book = torch.maximum(x.abs() - wide, torch.maximum(5.0 + 6.5 * tall - y, y - 21.8))
    spine = 0.78 + 0.30 * (1 - (x / wide) ** 2) + 0.25 * (tone - 0.5)
    c.paint(
        c.cover(book),
        hues[(hue * 6.999).long()].permute(0, 3, 1, 2),
        spine,
        c.tex("fine", d, 6) + c.tex("strand", d, 4),
    )
    gilt = torch.minimum((y - 13 - 2 * tall).abs() - 0.5, (y - 19).abs() - 0.5)
    c.paint(c.cover(gilt) * c.cover(book + 0.6) * (tone > 0.35).float() * 0.85, rgb(0.90, 0.76, 0.40))
    c.paint(c.cover((y - 23.4).abs() - 1.7), plank, 1.1 - 0.10 * (y - 23), wood(c, d, 10))
    post = (saw((c.x + d.u(0, 64)) / 64) - 0.5).abs() * 64 - 2.6
    c.paint(c.cover(post + 0 * c.y), plank * 1.12, 1 - 0.03 * (post + 2.6) + 0 * c.y, wood(c, d, 10, True))
    lamp = ((c.x - 64 + side * 44) ** 2 + (c.y - 8) ** 2).sqrt()
    c.paint((1 - lamp / 75).clamp(0, 1) * 0.22, rgb(1.0, 0.85, 0.50))
