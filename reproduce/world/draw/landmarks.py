"""Where a face is: its box and five points, from the geometry that it is painted by (person.head_frame, face)."""

from types import SimpleNamespace

import torch
from torch import Tensor

from .shapes import UNITS

NAMES = ("left eye", "right eye", "nose tip", "left mouth corner", "right mouth corner")  # left and right as seen in the picture
_ROUNDS = 12  # of the fixed point; a round leaves less than a fifth of the error


def points(who: SimpleNamespace, p: SimpleNamespace) -> Tensor:
    """(N, 5, 2) shares of the image's side: middles of the eyes, ball of the nose, corners of the mouth."""
    width = who.mouth_w * (1 + 0.18 * p.smile)
    corner = who.mouth_y - 0.051 * p.smile
    nose_x, nose_y = 0.20 * p.sin_yaw, who.eye_y + who.nose_l - 0.075
    fx = torch.stack([-who.eye_x, who.eye_x, nose_x, -width, width], 1)
    fy = torch.stack([who.eye_y, who.eye_y, nose_y, corner, corner], 1)
    return _seen(fx[..., 0, 0], fy[..., 0, 0], who, p) / UNITS


def boxes(who: SimpleNamespace, p: SimpleNamespace) -> Tensor:
    """(N, 4) shares of the image's side: x0, y0, x1, y1 around the ellipse of the head, which may reach over the edge."""
    a, b = p.b * who.ratio, p.b
    sin2 = p.sin_tilt**2
    x = (a * a * (1 - sin2) + b * b * sin2).sqrt()
    y = (a * a * sin2 + b * b * (1 - sin2)).sqrt()
    return torch.stack([p.cx - x, p.cy - y, p.cx + x, p.cy + y], 1)[..., 0, 0] / UNITS


def _seen(fx: Tensor, fy: Tensor, who: SimpleNamespace, p: SimpleNamespace) -> Tensor:
    """Points (N, K) on the turned face -> (N, K, 2) on the canvas: the inverse of person.head_frame.

    There (mx, ny, nz) lies on the unit sphere, (fx, fz) is (mx, nz) turned by the yaw, and fy is ny less pitch * nz. So fz follows from fx
    and ny, and ny from a fixed point, since the pitch is small.
    """
    sin, pitch, jaw, ratio, b = (v[:, 0] for v in (p.sin_yaw, p.pitch, who.jaw, who.ratio, p.b))
    cos = (1 - sin**2).sqrt()
    ny = fy
    for _ in range(_ROUNDS):
        fz = (1 - fx**2 - ny**2).clamp(min=0).sqrt()
        ny = fy + pitch * (fz * cos - fx * sin)
    mx = fx * cos + fz * sin
    below = ny.clamp(0, 1.3)
    lx, ly = mx * (1 - jaw * below * below) * ratio * b, ny * b
    tilt = p.sin_tilt[:, 0]
    upright = (1 - tilt**2).sqrt()
    return torch.stack([p.cx[:, 0] + lx * upright - ly * tilt, p.cy[:, 0] + lx * tilt + ly * upright], -1)
