"""What painterly styles work with: blur, look-up at other places, the direction of edges, strokes."""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from .chance import Draws
from .shapes import Canvas
from .texture import noise, per_cell


def blur(c: Canvas, images: Tensor, radius: float) -> Tensor:
    """Two box filters of the radius in units."""
    r = max(1, round(radius * c.k))
    for _ in range(2):
        images = avg_pool2d(images, 2 * r + 1, 1, r, count_include_pad=False)
    return images


def grey(images: Tensor) -> Tensor:
    return images[:, 0] * 0.30 + images[:, 1] * 0.59 + images[:, 2] * 0.11


def at(c: Canvas, images: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """images (N, C, S, S) looked up at coordinates (N, S, S) in units."""
    ix = (x * c.k).long().clamp(0, c.size - 1)
    iy = (y * c.k).long().clamp(0, c.size - 1)
    index = (iy * c.size + ix).flatten(1)[:, None].expand(-1, images.shape[1], -1)
    return torch.gather(images.flatten(2), 2, index).view(images.shape)


def flow(c: Canvas, images: Tensor, d: Draws, swirl: float) -> Tensor:
    """Unit vectors (N, 2, S, S) along the edges, and along a random field where there are none."""
    y = blur(c, grey(blur(c, images, 2.0))[:, None], 2.0)[:, 0]
    gx = torch.zeros_like(y)
    gy = torch.zeros_like(y)
    gx[:, :, 1:-1] = y[:, :, 2:] - y[:, :, :-2]
    gy[:, 1:-1] = y[:, 2:] - y[:, :-2]
    drift = [noise("cloud", c.x * 1.2 + d.u(0, 99), c.y * 1.2 + d.u(0, 99)) * swirl for _ in range(2)]
    tx, ty = -gy + drift[0], gx + drift[1]
    size = (tx * tx + ty * ty + 1e-8).sqrt()
    return torch.stack([tx / size, ty / size], 1)


def jittered(c: Canvas, d: Draws, step: float, jitter: float = 0.5) -> tuple[Tensor, Tensor, Tensor]:
    """Centres (x, y) of the cell every pixel lies in, and the cell's number."""
    ou, ov = d.u(0, 64), d.u(0, 64)
    cx, cy = ((c.x + ou) / step).floor(), ((c.y + ov) / step).floor()
    number = cx * 31 + cy * 57
    jx, jy = per_cell(d.table(251), number) - 0.5, per_cell(d.table(241), number) - 0.5
    return (cx + 0.5 + jx * jitter) * step - ou, (cy + 0.5 + jy * jitter) * step - ov, number


def strokes(
    c: Canvas,
    d: Draws,
    source: Tensor,
    field: Tensor,
    step: float,
    long: float,
    thin: float,
    passes: int,
    jitter: float,
    bristle: float,
) -> None:
    """Lays strokes on the canvas, each in the source's colour at its centre, along the field."""
    for _ in range(passes):
        cx, cy, number = jittered(c, d, step, 0.4)
        colour = at(c, source, cx, cy)
        way = at(c, field, cx, cy)
        px, py = c.x - cx, c.y - cy
        u, v = px * way[:, 0] + py * way[:, 1], py * way[:, 0] - px * way[:, 1]
        v = v + u * u * (per_cell(d.table(83), number) - 0.5) * 0.06
        distance = torch.maximum(v.abs() - thin, (u.abs() - long) * 0.7)
        tone = 1 + (per_cell(d.table(127), number)[:, None] - 0.5) * jitter
        hairs = noise("strand", v * 1.6 + number * 3.7, u * 0.6) * (bristle / 255) + 0.05 * (
            thin * 0.3 - v
        ).clamp(-1, 1)
        c.paint(c.cover(distance, 1.6), (colour * tone).clamp(0, 1), None, hairs)
