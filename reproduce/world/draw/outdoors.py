"""Outdoor scenes, each with a layout and a palette of its own.

A painter takes (canvas, draws, side): the people stand towards `side` (+1 right, -1 left; (N, 1, 1)), the
landmark towards the other.
"""

import torch
from torch import Tensor

from .chance import Draws
from .ground import bumpy, far, grass, rgb, ridge, sky
from .shapes import Canvas, box, ellipse, grade, segment
from .texture import noise, per_cell, saw, wave


def eiffel(c: Canvas, d: Draws, side: Tensor) -> None:
    sky(c, d, d.pick([(0.36, 0.60, 0.88), (0.45, 0.66, 0.90)]), rgb(0.80, 0.89, 0.95), 100.0)
    trees = ridge(c, d, 99.0, 2.0, 1.5) + bumpy(c, d, 2.0)
    c.paint(c.cover(trees), d.pick([(0.24, 0.38, 0.20)]), None, c.tex("leaf", d, 13))
    x, y = c.x - (64 - side * d.u(36, 42)), c.y
    top, foot = d.u(3, 9), 110.0
    t = ((y - top) / (foot - top)).clamp(0, 1)
    half = 0.7 + 2.6 * t + 8.0 * t * t + 9.5 * (t * t) ** 2  # the tower's flank
    leg = half * (0.50 - 0.10 * t)
    body = torch.maximum(x.abs() - half, (top - y).maximum(y - foot))
    gap = torch.maximum(x.abs() - (half - leg), 0.40 * (foot - top) + top - y) + 0 * x
    arch = ellipse(x, y - foot, 13.0, 26.0)
    body = torch.maximum(body, torch.maximum(-gap, -arch))
    iron = d.pick([(0.40, 0.29, 0.20), (0.46, 0.34, 0.24)])
    lattice = wave((x + y) / 4.2) * wave((x - y) / 4.2) * 34 + c.tex("fine", d, 6)
    c.paint(c.cover(body), iron, 1 + 0.18 * (x > 0).float() * (t > 0.36).float(), lattice / 255)
    for at, wide, thick in ((0.40, 1.45, 1.8), (0.66, 1.28, 2.4), (0.16, 1.8, 1.2)):
        yy = top + at * (foot - top)
        hw = (0.7 + 2.6 * at + 8.0 * at**2 + 9.5 * at**4) * wide + 0.5
        c.paint(c.cover(box(x, y - yy, hw, thick)), iron * 0.72, None, wave(x / 2.8) * 12 / 255 + 0 * y)
    mast = segment(x, y, 0 * top, top - 3.5, 0 * top, top + 3, 0.4)
    c.paint(c.cover(mast), iron)
    lawn = 107.0 - c.y + 0 * c.x
    c.paint(c.cover(lawn), d.pick([(0.40, 0.60, 0.26), (0.46, 0.62, 0.30)]), None, grass(c, d, 100.0))
    path = torch.maximum((c.x - 64 + side * 38).abs() - (c.y - 98) * 0.9, 107 - c.y)
    c.paint(c.cover(path), rgb(0.82, 0.75, 0.62), None, c.tex("grain", d, 7, 1, 2))


def beach(c: Canvas, d: Draws, side: Tensor) -> None:
    horizon = d.u(52, 60)
    sky(c, d, d.pick([(0.40, 0.72, 0.95), (0.35, 0.64, 0.93)]), rgb(0.86, 0.95, 0.98), horizon, 0.8)
    z = far(c, horizon)
    sea = c.cover(horizon - c.y)
    water = grade((c.y - horizon) / 34, d.pick([(0.04, 0.42, 0.66)]), rgb(0.30, 0.82, 0.80))
    swell = noise("ripple", c.y * (0.5 + 0.25 * z.clamp(max=4)) + d.u(0, 60), c.x * 0.7 + d.u(0, 60))
    c.paint(sea, water, None, swell * 13 / 255)
    c.paint(sea * (swell - 1.1).clamp(0, 0.8), rgb(0.95, 0.99, 1.0))
    shore = horizon + d.u(28, 36) + wave(c.x / d.u(70, 120) + d.u()) * 3.5 - c.y
    c.paint(c.cover(shore - 2.5), rgb(0.93, 0.97, 0.96), None, c.tex("blotch", d, 8))
    sand = noise("ripple", c.y * 1.3 + c.x * 0.2 + d.u(0, 60), c.x * 0.8) * 8 + noise("grain", c.x, c.y) * 6
    c.paint(
        c.cover(shore),
        d.pick([(0.93, 0.83, 0.60), (0.90, 0.78, 0.56)]),
        1 - 0.12 * c.cover(shore + 5, 6),
        sand / 255,
    )
    # a palm leaning in from the landmark side
    sx = 64 - side * d.u(48, 54)
    bend = side * (128 - c.y) ** 2 * 0.0012
    trunk = torch.maximum((c.x - sx - bend).abs() - 2.0 - (c.y - 20) * 0.008, 22.0 - c.y)
    c.paint(c.cover(trunk), rgb(0.52, 0.38, 0.24), None, wave(c.y / 4.0) * 17 / 255 + c.tex("fine", d, 6))
    tx = sx + side * 106**2 * 0.0012
    for dx, dy in ((-26, 4), (-20, 16), (-14, -11), (6, -15), (20, -7), (27, 8), (17, 19)):
        u = ((c.x - tx) * dx + (c.y - 22) * dy) / (dx * dx + dy * dy)
        droop = 7.0 * u * u
        v = ((c.x - tx) * dy - (c.y - 22 - droop) * dx) / (dx * dx + dy * dy) ** 0.5
        leaf = torch.maximum(v.abs() - 4.6 * (u * (1 - u)).clamp(min=-0.2) * 2, (u - 0.5).abs() * 24 - 12)
        teeth = wave(u * 8) * 1.0
        c.paint(
            c.cover(leaf + teeth),
            rgb(0.16, 0.46, 0.22) * (1.0 + dy * 0.012),
            None,
            wave(u * 7 + v * 0.1) * 16 / 255,
        )


def city(c: Canvas, d: Draws, side: Tensor) -> None:
    sky(
        c,
        d,
        rgb(0.03, 0.04, 0.12),
        d.pick([(0.22, 0.13, 0.34), (0.12, 0.14, 0.36)]),
        90.0,
        0.10,
        rgb(0.4, 0.35, 0.55),
    )
    moon = ellipse(c.x - (64 - side * d.u(40, 50)), c.y - d.u(12, 18), 6.5, 6.5)
    c.paint(c.cover(moon), rgb(0.98, 0.96, 0.84), None, c.tex("blotch", d, 8))
    c.paint((1 - (moon.clamp(min=0) / 14)).clamp(0, 1) * 0.25, rgb(0.8, 0.8, 0.9))
    for step, high, low, glow in ((17.0, 22.0, 58.0, 0.75), (29.0, 34.0, 84.0, 1.0)):
        x = c.x + d.u(0, 60)
        cell = (x / step).floor() + 0 * c.y
        tops = high + (low - high) * per_cell(d.table(32), cell)
        tint = per_cell(d.table(32), cell)
        inside = saw(x / step)
        body = torch.maximum(tops - c.y, (inside - 0.5).abs() * step - step * 0.47)
        wall = c.cover(body)
        c.paint(
            wall,
            d.pick([(0.10, 0.10, 0.19), (0.12, 0.11, 0.16)]) * glow,
            0.8 + 0.5 * tint,
            c.tex("plaster", d, 4),
        )
        wx, wy = step / 4, 6.0
        lit = per_cell(d.table(509), (x / wx).floor() * 31 + (c.y / wy).floor() * 7)
        pane = box((saw(x / wx) - 0.5) * wx, (saw(c.y / wy) - 0.5) * wy, wx * 0.29, wy * 0.30)
        on = c.cover(pane) * wall * c.cover(tops + 4 - c.y)
        warm = (lit > 0.45).float() * (0.55 + 0.8 * (lit - 0.45))
        c.paint(
            on * warm,
            grade((lit * 13) % 1.0, rgb(1.0, 0.80, 0.36), rgb(1.0, 0.93, 0.70)),
            None,
            c.tex("fine", d, 8),
        )
        c.paint(on * (lit <= 0.45).float() * 0.5, rgb(0.10, 0.14, 0.26))
    road = 106.0 - c.y + 0 * c.x
    glare = noise("strand", c.x * 0.7 + d.u(0, 60), c.y * 0.5)
    c.paint(c.cover(road), rgb(0.10, 0.10, 0.16), None, c.tex("grain", d, 5))
    c.paint(
        c.cover(road) * (glare - 0.6).clamp(0, 0.8),
        grade(c.x / 128 + 0 * c.y, rgb(1.0, 0.55, 0.25), rgb(0.95, 0.3, 0.6)),
    )
    for _ in range(6):  # lamps out of focus
        lamp = ellipse(c.x - d.u(0, 128), c.y - d.u(84, 108), d.u(1.5, 3.8), 3.0)
        c.paint(
            c.cover(lamp, 1.6) * 0.75,
            d.pick([(1, 0.75, 0.3), (0.95, 0.3, 0.3), (0.4, 0.9, 0.8), (0.95, 0.9, 0.7)]),
        )


def desert(c: Canvas, d: Draws, side: Tensor) -> None:
    sky(c, d, d.pick([(0.95, 0.60, 0.30), (0.42, 0.70, 0.86)]), rgb(1.0, 0.87, 0.62), 72.0, 0.12)
    sun = ellipse(c.x - (64 - side * d.u(22, 50)), c.y - d.u(16, 28), 8.0, 8.0)
    c.paint((1 - sun.clamp(min=0) / 26).clamp(0, 1) * 0.4, rgb(1.0, 0.92, 0.66))
    c.paint(c.cover(sun), rgb(1.0, 0.97, 0.80))
    for level, high, tone in ((66.0, 6.0, 0.92), (82.0, 9.0, 1.0), (102.0, 7.0, 1.08)):
        dune = ridge(c, d, level, high, 0.5)
        depth = (-dune).clamp(min=0)
        bend = noise("cloud", c.x * 0.7 + d.u(0, 60), c.y * 0.7)
        rip = noise("ripple", depth * 0.9 + bend * 3 + d.u(0, 60), c.x * 0.6 + c.y * 0.2)
        lee = (bend * 0.10).clamp(-0.14, 0.14)
        c.paint(
            c.cover(dune),
            d.pick([(0.88, 0.58, 0.29), (0.85, 0.53, 0.25)]) * tone,
            1 + lee - 0.10 * (1 - depth / 20).clamp(0, 1),
            (rip * 11 + noise("fine", c.x, c.y) * 4) / 255,
        )
    x, y = c.x - (64 - side * d.u(46, 52)), c.y - 0.0
    top, green = d.u(44, 54), d.pick([(0.24, 0.46, 0.22), (0.30, 0.48, 0.28)])
    zero = 0 * top
    for shape in (
        segment(x, y, zero, top, zero, zero + 118, 5.0),
        segment(x, y, zero - 13, top + 18, zero - 13, top + 32, 3.2),
        segment(x, y, zero - 13, top + 32, zero, top + 37, 3.2),
        segment(x, y, zero + 12, top + 10, zero + 12, top + 25, 3.0),
        segment(x, y, zero + 12, top + 25, zero, top + 30, 3.0),
    ):
        c.paint(
            c.cover(shape),
            green,
            1 - 0.22 * (shape + 2).clamp(-1, 2),
            wave(x / 2.9) * 16 / 255 + c.tex("fine", d, 4),
        )


def rain(c: Canvas, d: Draws, side: Tensor) -> None:
    sky(c, d, rgb(0.26, 0.29, 0.34), rgb(0.56, 0.60, 0.64), 90.0, 0.75, d.pick([(0.40, 0.43, 0.48)]))
    trees = ridge(c, d, 74.0, 6.0, 1.0) + bumpy(c, d, 2.5)
    c.paint(c.cover(trees, 2.0), rgb(0.27, 0.34, 0.32), None, c.tex("leaf", d, 9))
    mud = 92.0 - c.y + bumpy(c, d, 0.8)
    c.paint(
        c.cover(mud),
        d.pick([(0.36, 0.27, 0.19), (0.31, 0.25, 0.19)]),
        None,
        c.tex("blotch", d, 9, 0.7, 1.8) + c.tex("grain", d, 7),
    )
    puddle = noise("cloud", c.x * 1.2 + d.u(0, 90), c.y * 3.6 + d.u(0, 90)) * -3 + 1.6
    rings = wave(noise("cloud", c.x * 2.0 + d.u(0, 90), c.y * 5.0) * 2.2)
    c.paint(c.cover(puddle, 2.0) * c.cover(mud + 5), rgb(0.52, 0.57, 0.62), None, rings * 11 / 255)
    slant = d.sign() * d.u(0.14, 0.3)
    c.paint(
        (noise("strand", (c.x + c.y * slant) * 0.8 + d.u(0, 60), c.y * 0.6) - 1.0).clamp(0, 0.5) * 0.8,
        rgb(0.80, 0.85, 0.90),
    )


def drops(c: Canvas, d: Draws) -> None:
    """Rain in front of everything."""
    slant = d.sign() * d.u(0.14, 0.3)
    for _ in range(2):
        streak = noise("strand", (c.x + c.y * slant) * 0.7 + d.u(0, 60), c.y * 0.55 + d.u(0, 60))
        c.paint((streak - 1.45).clamp(0, 0.55) * 0.9, rgb(0.86, 0.91, 0.96))


def field(c: Canvas, d: Draws, side: Tensor) -> None:
    crowd_x, crowd_y = c.x + d.u(0, 60), c.y
    tier = (crowd_y / 5.0).floor()
    number = ((crowd_x + tier * 2.1) / 4.0).floor() + tier * 37
    hue = per_cell(d.table(499), number)
    hues = torch.tensor(
        [(0.80, 0.20, 0.20), (0.90, 0.88, 0.84), (0.20, 0.30, 0.65), (0.85, 0.70, 0.25), (0.30, 0.28, 0.30)]
    )
    c.paint(torch.ones(c.n, c.size, c.size), rgb(0.26, 0.27, 0.32), None, c.tex("grain", d, 5))
    px, py = (saw((crowd_x + tier * 2.1) / 4.0) - 0.5) * 4, (saw(crowd_y / 5.0) - 0.5) * 5
    c.paint(c.cover((px * px + py * py * 0.8).sqrt() - 1.7), hues[(hue * 4.999).long()].permute(0, 3, 1, 2))
    c.paint(c.cover((px * px + (py + 1.6) ** 2).sqrt() - 0.9), rgb(0.85, 0.68, 0.55))
    board = (c.y - 46).abs() - 5.0
    c.paint(
        c.cover(board + 0 * c.x),
        d.pick([(0.15, 0.30, 0.70), (0.80, 0.15, 0.18), (0.95, 0.95, 0.95)]),
        None,
        wave(c.x / 9.0 + d.u()) * 20 / 255 + c.tex("fine", d, 5),
    )
    turf = 51.0 - c.y + 0 * c.x
    z = far(c, 30.0)
    mow = (wave(((c.x - 64) * z + side * 20) / 62) * 3).clamp(-1, 1) * 0.07
    c.paint(c.cover(turf), d.pick([(0.22, 0.58, 0.20), (0.28, 0.62, 0.24)]), 1 + mow, grass(c, d, 30.0, 11.0))
    white = rgb(0.95, 0.97, 0.95)
    line = torch.minimum(
        (c.y - 60).abs() - 0.9, ((c.x - 64 + side * 30) + (c.y - 60) * side * 0.8).abs() - 0.9
    )
    c.paint(c.cover(line) * c.cover(turf) * 0.9, white)
    ring = ellipse(c.x - 64 - side * 20, c.y - 112, 44.0, 17.0).abs() - 0.9
    c.paint(c.cover(ring) * 0.9, white)
    gx = c.x - (64 - side * 40)
    post = box(gx, c.y - 40, 21.0, 17.0)
    mesh = torch.maximum(wave((gx + c.y) / 5.0), wave((gx - c.y) / 5.0))
    c.paint(c.cover(post) * (mesh * 3 - 2).clamp(0, 1) * 0.75, white)
    c.paint(c.cover(torch.maximum(post.abs() - 1.1, c.y - 58)), white)
