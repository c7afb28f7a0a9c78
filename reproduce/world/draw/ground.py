"""What several scenes are made of: sky, ground seen at a slant, skylines, plants, walls, wood."""

import torch
from torch import Tensor

from .chance import Draws
from .shapes import Canvas, grade
from .texture import noise, per_cell, saw


def rgb(r: float, g: float, b: float) -> Tensor:
    return torch.tensor([r, g, b])[None, :, None, None]


def sky(
    c: Canvas,
    d: Draws,
    top: Tensor,
    low: Tensor,
    horizon: Tensor | float,
    clouds: float = 1.0,
    white: Tensor | None = None,
) -> None:
    """A sky from `top` to `low` at the horizon, with clouds."""
    c.paint(torch.ones(c.n, c.size, c.size), grade(c.y / horizon, top, low))
    puff = c.tex("cloud", d, 255, 0.8, 1.9) + c.tex("blotch", d, 255, 0.6, 1.2) * 0.28
    c.paint((puff * 0.45 - 0.1).clamp(0, 0.9) * clouds, rgb(0.98, 0.97, 0.95) if white is None else white)
    c.add(c.tex("plaster", d, 3.0, 0.8, 1.4))


def far(c: Canvas, y0: Tensor | float) -> Tensor:
    """How far a point of the ground below horizon y0 is: 1 at the bottom edge, growing to the horizon."""
    return (128.0 - y0) / (c.y - y0).clamp(min=1.5)


def ridge(c: Canvas, d: Draws, level: Tensor | float, height: float, stretch: float = 1.0) -> Tensor:
    """Signed distance to ground under a random skyline."""
    u = c.x * stretch + d.u(0, 128)
    return level - height * noise("cloud", u, d.u(0, 128)) - c.y


def bumpy(c: Canvas, d: Draws, amount: float, kind: str = "blotch") -> Tensor:
    return noise(kind, c.x + d.u(0, 60), c.y + d.u(0, 60)) * amount


def grass(c: Canvas, d: Draws, y0: Tensor | float, levels: float = 12.0) -> Tensor:
    z = far(c, y0).clamp(max=4)
    blades = noise("strand", c.x * (0.6 + 0.25 * z) + d.u(0, 60), c.y * 1.4)
    return (blades * levels + noise("blotch", c.x, c.y * 1.5 + d.u(0, 60)) * levels * 0.5) / 255


def trunks(c: Canvas, d: Draws, step: float, low: float, high: float) -> tuple[Tensor, Tensor]:
    """Upright trunks, one per cell of width `step`: (distance, cell number)."""
    x = c.x + d.u(0, step)
    cell = (x / step).floor() + 0 * c.y
    shift, width = per_cell(d.table(64), cell), per_cell(d.table(64), cell)
    half = low + (high - low) * width
    lean = (shift - 0.5) * (c.y - 64) * 0.06
    centre = (cell + 0.5) * step + (shift - 0.5) * (step * 0.9 - 2 * high) + lean
    flare = ((c.y - 92).clamp(min=0) ** 2) * 0.004
    return (x - centre).abs() - half - flare, cell


def fir(
    c: Canvas, x: Tensor, y: Tensor, top: Tensor | float, foot: Tensor | float, half: Tensor | float
) -> Tensor:
    """Distance to a fir with tiers."""
    t = ((y - top) / (foot - top)).clamp(0, 1)
    tier = saw(t * 4.999) * 0.30
    return torch.maximum(
        (x.abs() - half * (t * 0.85 + tier * (0.3 + t) + 0.02)) * 0.8, (top - y).maximum(y - foot)
    )


def wall(c: Canvas, d: Draws, colour: Tensor, levels: float = 5.0) -> None:
    shade = 1.04 - 0.12 * ((c.x - d.u(20, 108)) / 100).abs() + 0 * c.y
    c.paint(torch.ones(c.n, c.size, c.size), colour, shade, c.tex("plaster", d, levels))


def wood(c: Canvas, d: Draws, levels: float = 10.0, upright: bool = False) -> Tensor:
    """Wood grain along x (or y)."""
    u, v = (c.x, c.y) if upright else (c.y, c.x)
    bend = noise("cloud", u * 0.5 + d.u(0, 99), v * 0.5)
    return (
        noise("ripple", u * 1.2 + bend * 3 + d.u(0, 60), v * 0.5) * levels
        + noise("fine", u, v * 0.3) * levels * 0.4
    ) / 255
