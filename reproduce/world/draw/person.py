"""Who somebody is and how they stand: identity, pose, light, expression; draws one person per canvas.

Identity is fixed by its number alone; everything else by the item's key. Values are (N, 1, 1), colours
(N, 3, 1, 1). The order of painting: hair behind, body, head, face, hair in front, glasses.
"""

from types import SimpleNamespace

import torch
from torch import Tensor

from . import clothes, face, hair
from .chance import Draws, keys
from .shapes import Canvas

SKIN = torch.tensor(
    [
        (0.97, 0.83, 0.74),
        (0.93, 0.75, 0.62),
        (0.86, 0.66, 0.51),
        (0.74, 0.53, 0.38),
        (0.58, 0.39, 0.27),
        (0.43, 0.28, 0.19),
    ]
)
EYES = torch.tensor(
    [(0.30, 0.17, 0.08), (0.44, 0.30, 0.12), (0.25, 0.42, 0.24), (0.26, 0.46, 0.68), (0.42, 0.47, 0.50)]
)
BEARDS = ("none", "stubble", "moustache", "full", "goatee")
GLASSES = ("none", "round", "square")


def identity(numbers: Tensor) -> SimpleNamespace:
    """The lasting features of identities (N,) int64: measures in head units, colours, categories (N,)."""
    d = Draws(keys(numbers, "identity"))
    who = SimpleNamespace(numbers=numbers)
    who.woman = d.flag(0.5)
    woman = who.woman[:, 0, 0] > 0
    tone = d.u(0, 4.999)
    low = tone.long().flatten()
    t = (tone - tone.floor())[:, None]
    who.skin = SKIN[low][:, :, None, None] * (1 - t) + SKIN[low + 1][:, :, None, None] * t
    warm = (d.u() - 0.5)[:, None] * torch.tensor([0.03, 0.0, -0.05])[None, :, None, None]
    who.skin = (who.skin + warm + (d.u()[:, None] - 0.5) * 0.03).clamp(0, 1)
    who.ratio = d.u(0.70, 0.82)
    who.jaw = d.u(0.06, 0.24) + 0.10 * who.woman
    who.eye_x, who.eye_y = d.u(0.34, 0.45), d.u(-0.02, 0.10)
    who.eye_w, who.eye_h = d.u(0.18, 0.235), d.u(0.085, 0.13)
    who.eye_tilt = d.u(-0.10, 0.14)
    who.iris = EYES[d.index([5, 2, 2, 3, 1])][:, :, None, None]
    who.brow_y, who.brow_t = d.u(0.19, 0.27), d.u(0.030, 0.065) - 0.012 * who.woman
    who.brow_arch, who.brow_tilt = d.u(0.01, 0.09), d.u(-0.12, 0.12)
    who.nose_l, who.nose_w = d.u(0.32, 0.44), d.u(0.13, 0.20) - 0.02 * who.woman
    who.mouth_y, who.mouth_w = d.u(0.55, 0.63), d.u(0.26, 0.37)
    who.lip_u, who.lip_l = d.u(0.03, 0.055) + 0.01 * who.woman, d.u(0.045, 0.085) + 0.01 * who.woman
    lip = d.pick([(0.72, 0.34, 0.32), (0.78, 0.25, 0.30), (0.66, 0.22, 0.26)])
    lip_amount = (d.u(0.35, 0.5) + 0.35 * d.flag(0.5) * who.woman)[:, None]
    pale = (who.skin[:, :1] + who.skin[:, 1:2] + who.skin[:, 2:]) / 3
    who.lip = who.skin * (1 - lip_amount) + lip * lip_amount * (0.45 + 0.55 * pale)
    who.ear, who.ear_y = d.u(0.13, 0.21), d.u(-0.02, 0.12)
    who.freckles = d.flag(0.25) * d.u(0.4, 1.0)
    who.blush = d.u(0.05, 0.25) + 0.1 * who.woman
    who.width = d.u(1.75, 2.05) - 0.25 * who.woman
    hair.identity(who, d, woman)
    glasses = d.index([68, 16, 16])
    who.glasses = glasses
    who.frame = d.pick(
        [(0.08, 0.07, 0.07), (0.35, 0.20, 0.10), (0.62, 0.12, 0.14), (0.75, 0.62, 0.30), (0.1, 0.2, 0.45)]
    )
    who.lens = d.u(0.24, 0.30)
    beard = d.index([50, 12, 11, 17, 10])
    who.beard = torch.where(woman, torch.zeros_like(beard), beard)
    who.earrings = d.flag(0.4) * who.woman
    return who


def disguise(who: SimpleNamespace, numbers: Tensor) -> None:
    """Gives identities the hair, glasses and beard of others, in place; numbers: (N,) int64, -1 leaves as is."""
    rows = (numbers >= 0).nonzero().flatten()
    if not len(rows):
        return
    other = identity(numbers[rows])
    for name in (*hair.MEASURES, "hair_colour", "hair", "glasses", "frame", "lens", "beard"):
        value = getattr(who, name).clone()
        value[rows] = getattr(other, name)
        setattr(who, name, value)
    who.brow_colour = hair.brows(who)


def stance(key: Tensor, who: SimpleNamespace) -> SimpleNamespace:
    """What varies within an identity: pose, expression, light, given item keys (N,)."""
    d = Draws(key, "stance")
    p = SimpleNamespace(draws=Draws(key, "texture"))
    # angles are drawn by their sine: only square roots are needed, and those are exactly rounded
    p.sin_yaw = d.u(-0.5, 0.5) * d.u(0.35, 1)
    p.sin_tilt = d.u(-0.16, 0.16)
    p.pitch = d.u(-0.10, 0.08)
    p.smile, p.open = d.u(-0.35, 1.0), d.flag(0.35) * d.u(0.03, 0.12)
    p.brow_up = d.u(-0.03, 0.06)
    p.gaze_x, p.gaze_y = d.u(-0.35, 0.35), d.u(-0.15, 0.2)
    p.blink = d.u(0.8, 1.1)
    p.light_x = d.sign() * d.u(0.2, 0.75)
    p.light_y = d.u(-0.6, -0.15)
    p.ambient = d.u(0.60, 0.72)
    return p


def draw(c: Canvas, who: SimpleNamespace, p: SimpleNamespace, wear: SimpleNamespace) -> Tensor:
    """Paints one person per item on an empty canvas; p also holds cx, cy, b (head centre, half height).

    Returns the face mask (N, S, S): the head's skin that hair doesn't hide.
    """
    h = head_frame(c, who, p)
    hair.behind(c, who, p, h)
    clothes.draw(c, who, p, h, wear)
    face.head(c, who, p, h)
    visible = hair.front(c, who, p, h, face)
    face.glasses(c, who, p, h)
    hair.top(c, who, p, h)
    return visible


def head_frame(c: Canvas, who: SimpleNamespace, p: SimpleNamespace) -> SimpleNamespace:
    """Coordinates on the head: lx, ly tilted, in units; nx, ny over half axes; fx, fy, fz face-on."""
    h = SimpleNamespace(a=p.b * who.ratio, b=p.b)
    cos_t = (1 - p.sin_tilt**2).sqrt()
    dx, dy = c.x - p.cx, c.y - p.cy
    h.lx, h.ly = dx * cos_t + dy * p.sin_tilt, dy * cos_t - dx * p.sin_tilt
    h.nx, h.ny = h.lx / h.a, h.ly / h.b
    below = h.ny.clamp(0, 1.3)
    h.mx = h.nx / (1 - who.jaw * below * below)
    q = h.mx**2 + h.ny**2
    h.r = q.sqrt()
    h.outside = (h.r - 1) * h.a
    h.nz = (1 - q).clamp(min=0).sqrt()
    h.sin, h.cos = p.sin_yaw, (1 - p.sin_yaw**2).sqrt()
    h.fx = h.mx * h.cos - h.nz * h.sin
    h.fz = h.mx * h.sin + h.nz * h.cos
    h.fy = h.ny - p.pitch * h.nz
    light_z = (1 - (p.light_x**2 + p.light_y**2).clamp(max=0.9)).sqrt()
    facing = (h.mx * p.light_x + h.ny * p.light_y * 0.8 + h.nz * light_z).clamp(min=0)
    h.shade = p.ambient + (1.12 - p.ambient) * facing
    return h
