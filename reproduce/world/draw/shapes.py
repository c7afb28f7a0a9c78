"""A canvas with soft-edged analytic shapes, batched over images.

Coordinates run from 0 to 128 over the image whatever its size; x is (1, 1, S), y (1, S, 1), a parameter
(N, 1, 1). A shape is a signed distance (negative inside, in units); `Canvas.cover` turns it into coverage
with an edge about one pixel wide, `Canvas.paint` lays a colour there.
"""

import torch
from torch import Tensor

from . import texture
from .chance import Draws

UNITS = 128.0


class Canvas:
    """N images of size S x S: `image` (N, 3, S, S), premultiplied by `alpha` (N, S, S) when started empty."""

    def __init__(self, n: int, size: int, background: Tensor | None = None):
        self.n, self.size, self.k = n, size, size / UNITS
        at = (torch.arange(size, dtype=torch.float32) + 0.5) * (UNITS / size)
        self.x, self.y = at[None, None, :], at[None, :, None]
        self.image = torch.zeros(n, 3, size, size)
        self.alpha: Tensor | None = torch.zeros(n, size, size) if background is None else None
        if background is not None:
            self.image += background

    def cover(self, distance: Tensor, soft: float = 1.2) -> Tensor:
        """Coverage in [0, 1] of a signed distance in units; the ramp is `soft` pixels wide."""
        return (0.5 - distance * (self.k / soft)).clamp(0, 1)

    def paint(
        self, cover: Tensor, colour: Tensor, shade: Tensor | None = None, grain: Tensor | None = None
    ) -> None:
        """Lays colour (N, 3, 1, 1) times shade plus grain over the image; cover, shade, grain: (N, S, S)."""
        if cover.shape[1:] != (self.size, self.size) or cover.shape[0] != self.n:
            cover = cover.expand(self.n, self.size, self.size)
        keep = 1 - cover
        weight = cover if shade is None else cover * shade
        # no fused multiply-add: its rounding would differ between the ends and the middle of a vector loop
        self.image.mul_(keep[:, None]).add_(weight[:, None] * colour)
        if grain is not None:
            self.image.add_((cover * grain)[:, None])
        if self.alpha is not None:
            self.alpha = 1 - (1 - self.alpha) * keep

    def add(self, light: Tensor) -> None:
        """Adds light (N, S, S) to all channels (where something has been painted, on an empty canvas)."""
        self.image.add_((light if self.alpha is None else light * self.alpha)[:, None])

    def tex(
        self, kind: str, d: Draws, levels: float, su: float = 1.0, sv: float = 1.0, swap: bool = False
    ) -> Tensor:
        """A texture over the canvas at a random offset per item; `levels` is its standard deviation."""
        u, v = self.x * su + d.u(0, 128), self.y * sv + d.u(0, 128)
        if swap:
            u, v = v, u
        return texture.noise(kind, u, v) * (levels / 255)


def grade(t: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Colours from a to b (N, 3, 1, 1) along t (N, S, S) in [0, 1]: (N, 3, S, S)."""
    return a + (b - a) * t.clamp(0, 1)[:, None]


def ellipse(x: Tensor, y: Tensor, rx: Tensor | float, ry: Tensor | float) -> Tensor:
    """Approximate distance to an ellipse around the origin of (x, y); fair near its edge."""
    r = ((x / rx) ** 2 + (y / ry) ** 2).sqrt()
    small = torch.minimum(torch.as_tensor(rx), torch.as_tensor(ry))
    return (r - 1) * small


def box(x: Tensor, y: Tensor, hw: Tensor | float, hh: Tensor | float, radius: float = 0.0) -> Tensor:
    """Distance to a box of half-sizes hw, hh around the origin (the larger of the two, rounded if asked)."""
    dx, dy = x.abs() - hw + radius, y.abs() - hh + radius
    if not radius:
        return torch.maximum(dx, dy)
    outside = (dx.clamp(min=0) ** 2 + dy.clamp(min=0) ** 2).sqrt()
    return outside + torch.maximum(dx, dy).clamp(max=0) - radius


def segment(x: Tensor, y: Tensor, ax, ay, bx, by, radius) -> Tensor:
    """Distance to a capsule from a to b."""
    px, py, qx, qy = x - ax, y - ay, bx - ax, by - ay
    t = ((px * qx + py * qy) / (qx * qx + qy * qy)).clamp(0, 1)
    return ((px - qx * t) ** 2 + (py - qy * t) ** 2).sqrt() - radius
