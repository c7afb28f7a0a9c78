"""The head, its features, beard and glasses, in coordinates that turn with it (see person.head_frame)."""

from types import SimpleNamespace

import torch
from torch import Tensor

from . import texture
from .shapes import Canvas, ellipse


def head(c: Canvas, who: SimpleNamespace, p: SimpleNamespace, h: SimpleNamespace) -> None:
    """Ears, skin, and all features that hair may cover."""
    d = p.draws
    pores = c.tex("fine", d, 3.2) + c.tex("blotch", d, 2.2)
    ears(c, who, p, h, pores)
    h.head = c.cover(h.outside)
    c.paint(h.head, who.skin, h.shade, pores)
    side = h.fx.abs()
    h.ex, h.ey = (side - who.eye_x) * h.a, (h.fy - who.eye_y) * h.b  # both eyes at once, in units
    blush(c, who, h)
    nose(c, who, p, h)
    mouth(c, who, p, h)
    eyes(c, who, p, h)
    brows(c, who, p, h)
    beard(c, who, p, h)


def ears(c: Canvas, who: SimpleNamespace, p: SimpleNamespace, h: SimpleNamespace, pores: Tensor) -> None:
    x = h.lx.abs() - h.a * h.cos * 1.02
    y = h.ly - who.ear_y * h.b
    outer = ellipse(x, y, who.ear * h.a, who.ear * h.a * 1.75)
    c.paint(c.cover(outer), who.skin, h.shade * 0.92, pores)
    inner = ellipse(x - 0.02 * h.a, y, who.ear * h.a * 0.5, who.ear * h.a * 1.1)
    c.paint(c.cover(inner, 2.0) * 0.35, who.skin * 0.6)
    ring = ellipse(x, y - who.ear * h.a * 1.9, 0.05 * h.a + 0.3, 0.05 * h.a + 0.3)
    gold = torch.tensor([0.93, 0.78, 0.35])[None, :, None, None]
    c.paint(c.cover(ring) * who.earrings, gold)


def blush(c: Canvas, who: SimpleNamespace, h: SimpleNamespace) -> None:
    x, y = (h.fx.abs() - 0.52) / 0.30, (h.fy - 0.34) / 0.22
    soft = (1 - x * x - y * y).clamp(min=0) * h.head
    c.paint(soft * who.blush, who.skin * torch.tensor([1.02, 0.66, 0.62])[None, :, None, None], h.shade)
    spots = texture.noise("fine", h.fx * h.a * 1.0 + 31.0, h.fy * h.b * 1.0 + 17.0)
    near = (1 - ((h.fx / 0.75) ** 2 + ((h.fy - 0.28) / 0.28) ** 2)).clamp(0, 0.5) * 2
    c.paint((spots - 1.0).clamp(0, 0.8) * near * who.freckles * h.head, who.skin * 0.62, h.shade)


def nose(c: Canvas, who: SimpleNamespace, p: SimpleNamespace, h: SimpleNamespace) -> None:
    top, tip = who.eye_y + 0.02, who.eye_y + who.nose_l
    t = ((h.fy - top) / who.nose_l).clamp(0, 1)
    x = h.fx - 0.20 * h.sin * t  # the tip stands out, so it moves further than the skin under it
    half = who.nose_w * (0.35 + 0.65 * t * t)
    along = ((h.fy - top + 0.06) * 10).clamp(0, 1) * ((tip + 0.05 - h.fy) * 12).clamp(0, 1) * h.head
    lit = (p.light_x > 0).float() * 2 - 1
    flank = (1 - ((x * lit + half * 0.9) / (half * 0.8)) ** 2).clamp(min=0)
    c.paint(flank * along * 0.38, who.skin * 0.52, h.shade)
    ridge = (1 - (x / (half * 0.55)) ** 2).clamp(min=0)
    c.paint(ridge * along * 0.38, (who.skin * 1.18 + 0.02).clamp(max=1), h.shade)
    under = ellipse(x * h.a, (h.fy - tip) * h.b, who.nose_w * h.a * 0.95, 0.055 * h.b)
    c.paint(c.cover(under, 2.2) * 0.50 * h.head, who.skin * 0.48)
    ball = ellipse(x * h.a, (h.fy - tip + 0.075) * h.b, who.nose_w * h.a * 0.62, 0.075 * h.b)
    c.paint(c.cover(ball, 3.0) * 0.22 * h.head, (who.skin * 1.2 + 0.03).clamp(max=1), h.shade)
    hole = ellipse((x.abs() - who.nose_w * 0.5) * h.a, (h.fy - tip) * h.b, 0.055 * h.a, 0.026 * h.b)
    c.paint(c.cover(hole, 1.4) * 0.80 * h.head, who.skin * 0.24)


def mouth(c: Canvas, who: SimpleNamespace, p: SimpleNamespace, h: SimpleNamespace) -> None:
    width = who.mouth_w * (1 + 0.18 * p.smile)
    m = h.fx / width
    bow = (1 - m * m).clamp(min=-1)
    line = who.mouth_y + 0.085 * p.smile * (bow - 0.6)  # corners go up when smiling
    upper = line - who.lip_u * bow * (1 - 0.35 * (1 - (m * 5).abs()).clamp(min=0))
    gap = p.open * bow
    lower = line + gap + who.lip_l * bow
    inside = (1 - m.abs()) * width * h.a
    lips = torch.maximum(torch.maximum(upper - h.fy, h.fy - lower) * h.b, -inside)
    lines = texture.noise("fine", h.fx * h.a * 1.3, h.fy * h.b * 0.4) * (3.5 / 255)
    c.paint(c.cover(lips) * h.head * 0.92, who.lip, h.shade, lines)
    hollow = torch.maximum((line - h.fy).maximum(h.fy - line - gap) * h.b, -inside)
    opened = (p.open > 0).float()
    c.paint(c.cover(hollow) * h.head * opened, who.lip * 0.25)
    teeth = torch.maximum((line - h.fy).maximum(h.fy - line - gap * 0.6) * h.b, 0.8 - inside)
    c.paint(c.cover(teeth) * h.head * opened, torch.tensor([0.96, 0.94, 0.90])[None, :, None, None], h.shade)
    seam = torch.maximum((h.fy - line).abs() * h.b - 0.010 * h.b - 0.12, -inside - 0.4)
    c.paint(c.cover(seam) * h.head * 0.8, who.lip * 0.38)
    shadow = ellipse(h.fx * h.a, (h.fy - lower - 0.05) * h.b, width * h.a * 0.6, 0.04 * h.b)
    c.paint(c.cover(shadow, 3.0) * h.head * 0.22, who.skin * 0.5)


def eyes(c: Canvas, who: SimpleNamespace, p: SimpleNamespace, h: SimpleNamespace) -> None:
    side = (h.fx > 0).float() * 2 - 1
    w, t = who.eye_w * h.a, who.eye_h * h.b * p.blink
    x, y = h.ex, h.ey + h.ex * who.eye_tilt
    arc = (1 - (x / w) ** 2).clamp(min=-1)
    socket = ellipse(x, y + 0.02 * h.b, w * 1.35, t * 2.0)
    c.paint(c.cover(socket, 4.0 * c.k + 1) * 0.22 * h.head, who.skin * 0.55, h.shade)
    white = torch.maximum(-y - t * arc, y - t * 0.8 * arc) * 0.85
    seen = c.cover(white) * h.head
    c.paint(seen, torch.tensor([0.95, 0.95, 0.94])[None, :, None, None], h.shade.clamp(max=1.02))
    gx = x - p.gaze_x * side * w * 0.5
    gy = y - p.gaze_y * t * 0.5
    r = (gx * gx + gy * gy).sqrt()
    ri = (t * 0.92).clamp(min=0.3) + 0.03 * h.b * 0.5
    c.paint(seen * c.cover(r - ri), who.iris * 0.45)
    c.paint(seen * c.cover(r - ri * 0.78), who.iris * 1.25)
    c.paint(seen * c.cover(r - ri * 0.42), who.iris * 0.0 + 0.03)
    glint = ((gx * side + ri * 0.35) ** 2 + (gy + ri * 0.4) ** 2).sqrt() - ri * 0.26
    c.paint(seen * c.cover(glint), who.iris * 0.0 + 0.98)
    lash = torch.maximum((y + t * arc).abs() - 0.016 * h.b * (1 + 0.5 * who.woman) - 0.1, x.abs() - w * 1.04)
    c.paint(c.cover(lash) * h.head * 0.9, who.brow_colour * 0.35)
    crease = torch.maximum((y + t * arc * 1.25 + 0.035 * h.b).abs() - 0.010 * h.b, x.abs() - w * 0.9)
    c.paint(c.cover(crease, 1.6) * h.head * 0.35, who.skin * 0.45)
    bag = torch.maximum((y - t * 0.85 * arc - 0.03 * h.b).abs() - 0.008 * h.b, x.abs() - w * 0.7)
    c.paint(c.cover(bag, 1.8) * h.head * 0.20, who.skin * 0.5)


def brows(c: Canvas, who: SimpleNamespace, p: SimpleNamespace, h: SimpleNamespace) -> None:
    x = h.ex / (who.eye_w * h.a * 1.25)
    y = h.fy - (who.eye_y - who.brow_y - p.brow_up) + who.brow_arch * (1 - x * x) - who.brow_tilt * x * 0.4
    thick = who.brow_t * (1 - 0.25 * x - 0.55 * x * x).clamp(min=0.02)
    d = torch.maximum(y.abs() - thick, (x.abs() - 1) * 0.2) * h.b
    hairs = texture.noise("strand", h.ex * 1.2 - h.ey * 1.2, h.ey * 0.5) * (10 / 255)
    c.paint(c.cover(d) * h.head * 0.85, who.brow_colour * 0.8, None, hairs)


def beard(c: Canvas, who: SimpleNamespace, p: SimpleNamespace, h: SimpleNamespace) -> None:
    """Stubble, moustache, full beard or goatee, as hair on the lower face."""
    kind = who.beard[:, None, None]
    flag = [(kind == i).float() for i in range(5)]
    x2 = h.fx * h.fx
    line = 0.36 - 0.42 * x2 - 0.10 * (x2 * x2)
    lower = (line - h.fy) * h.b * 0.8
    mouth = ellipse(
        h.fx * h.a,
        (h.fy - who.mouth_y - 0.02 - p.open * 0.5) * h.b,
        who.mouth_w * h.a * 1.0,
        (0.085 + p.open * 0.6) * h.b,
    )
    full = torch.maximum(lower, -mouth)
    lip = torch.maximum(
        (h.fy - who.mouth_y + 0.115 - 0.30 * x2 - 0.02 * p.smile).abs() * h.b - 0.055 * h.b,
        (h.fx.abs() - who.mouth_w * 1.1) * h.a,
    )
    chin = torch.maximum(ellipse(h.fx * h.a, (h.fy - 0.92) * h.b, 0.36 * h.a, 0.26 * h.b), -mouth)
    goatee = torch.minimum(chin, lip + 0.015 * h.b)
    d = flag[1] * full + flag[2] * lip + flag[3] * torch.minimum(full, lip) + flag[4] * goatee + flag[0] * 99
    strands = texture.noise("strand", h.fx * h.a * 1.1 + p.draws.u(0, 60), h.fy * h.b * 0.8) * (12 / 255)
    strands = strands + texture.noise("fine", h.fx * h.a, h.fy * h.b) * (6 / 255)
    strength = 0.92 - 0.57 * flag[1]
    rim = 0.10 * (flag[3] + 0.6 * flag[4])  # a full beard stands a little over the chin
    where = c.cover(h.outside - rim * h.b * (h.ny > 0.3).float())
    c.paint(c.cover(d, 2.0) * where * strength, who.hair * 0.9, h.shade, strands)


def glasses(c: Canvas, who: SimpleNamespace, p: SimpleNamespace, h: SimpleNamespace) -> None:
    kind = who.glasses[:, None, None]
    on, square = (kind > 0).float(), (kind == 2).float()
    x, y = h.ex, h.ey - 0.02 * h.b
    r = who.lens * h.a
    x4, y4 = (x * x) ** 2, (y * y * 1.25) ** 2
    rim = (x * x + y * y).sqrt() * (1 - square) + (x4 + y4).sqrt().sqrt() * square - r
    lens = c.cover(rim) * h.head * on
    c.paint(lens * 0.10, who.frame * 0.0 + 0.85)
    stripe = ((x + y) * 0.7 + 0.25 * r).abs() - 0.16 * r
    c.paint(lens * c.cover(stripe, 2.0) * 0.16, who.frame * 0.0 + 1.0)
    edge = rim.abs() - 0.022 * h.b - 0.15
    bridge = torch.maximum(
        (y + 0.05 * h.b).abs() - 0.018 * h.b - 0.1, h.fx.abs() * h.a - (who.eye_x * h.a - r)
    )
    arm = torch.maximum((y + 0.06 * h.b).abs() - 0.02 * h.b - 0.1, r - x)
    d = torch.minimum(edge, torch.minimum(bridge, arm))
    c.paint(c.cover(d) * c.cover(h.outside - 0.3) * on, who.frame, 0.6 + 0.4 * h.shade)
