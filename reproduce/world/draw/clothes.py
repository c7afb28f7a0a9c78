"""Neck, shoulders and clothing: tee, knit, shirt, suit, hoodie, dress or coat, in woven or knitted cloth."""

from types import SimpleNamespace

import torch
from torch import Tensor

from . import texture
from .chance import Draws
from .shapes import Canvas, ellipse, segment

GARMENTS = ("tee", "knit", "shirt", "suit", "hoodie", "dress", "coat")
PATTERNS = ("plain", "striped", "plaid", "dotted")
_TEE, _KNIT, _SHIRT, _SUIT, _HOODIE, _DRESS, _COAT = range(7)
CLOTH = [
    (0.78, 0.16, 0.17),
    (0.16, 0.32, 0.62),
    (0.13, 0.45, 0.34),
    (0.90, 0.72, 0.22),
    (0.88, 0.86, 0.82),
    (0.18, 0.19, 0.22),
    (0.55, 0.27, 0.52),
    (0.91, 0.49, 0.28),
    (0.40, 0.62, 0.74),
    (0.86, 0.58, 0.64),
]
#           tee knit shirt suit hoodie dress coat
_USUAL = [6, 5, 4, 3, 3, 0, 0]
_SCENES = {
    "wedding": ([0, 0, 0, 1, 0, 0, 0], [0, 0, 0, 0, 0, 1, 0]),
    "snow": ([0, 3, 0, 0, 2, 0, 2],) * 2,
    "rain": ([0, 0, 0, 0, 1, 0, 3],) * 2,
    "beach": ([5, 0, 1, 0, 0, 0, 0], [3, 0, 0, 0, 0, 3, 0]),
    "office": ([0, 1, 3, 5, 0, 0, 0],) * 2,
    "desert": ([5, 0, 3, 0, 0, 0, 0],) * 2,
}


def outfit(key: Tensor, who: SimpleNamespace, scene: list[str]) -> SimpleNamespace:
    """Garment, pattern and colours for item keys (N,), fitting the scene."""
    d = Draws(key, "outfit")
    row = d.row()
    weights = []
    for s, woman in zip(scene, who.woman[:, 0, 0].tolist(), strict=True):
        usual = [*_USUAL[:5], 2.5, 0] if woman else _USUAL
        weights.append(_SCENES[s][int(woman)] if s in _SCENES else usual)
    w = torch.tensor(weights, dtype=torch.float32).reshape(-1, len(GARMENTS))
    edges = torch.cumsum(w, 1) / w.sum(1, keepdim=True)
    wear = SimpleNamespace(garment=(row[:, None] >= edges).sum(1).clamp(max=6))
    wear.pattern = d.index([5, 3, 2, 1.5])
    wear.colour, wear.second = d.pick(CLOTH), d.pick(CLOTH)
    wedding = torch.tensor([s == "wedding" for s in scene])[:, None, None, None]
    g = wear.garment[:, None, None, None]
    dark = d.pick([(0.10, 0.10, 0.12), (0.14, 0.16, 0.24), (0.28, 0.28, 0.30)], 0.02)
    wear.colour = torch.where(g == _SUIT, torch.where(wedding, dark * 0 + 0.09, dark), wear.colour)
    wear.colour = torch.where(wedding & (g == _DRESS), wear.colour * 0 + 0.95, wear.colour)
    coat = d.pick([(0.93, 0.78, 0.12), (0.85, 0.20, 0.15), (0.15, 0.35, 0.55)])
    wear.colour = torch.where(g == _COAT, coat, wear.colour)
    fancy = (wear.garment == _TEE) | (wear.garment == _SHIRT) | (wear.garment == _KNIT)
    wear.pattern = torch.where(fancy, wear.pattern, torch.zeros_like(wear.pattern))
    wear.bow = (d.row()[:, None, None] < 0.5).float() * wedding[:, 0].float()
    wear.draws = d
    return wear


def cloth(
    c: Canvas, h: SimpleNamespace, wear: SimpleNamespace, x: Tensor, y: Tensor
) -> tuple[Tensor, Tensor]:
    """(grain, mix): the weave in [0, 1] units, and where the second colour shows, both (N, S, S)."""
    d = wear.draws
    g, pattern = wear.garment[:, None, None], wear.pattern[:, None, None]
    bend = texture.noise("cloud", x * 0.6 + d.u(0, 60), y * 0.6)
    u, v = x + bend * 2.0, y + bend * 1.2
    knit = (g == _KNIT).float()
    cable = (
        texture.wave(u / 5.2 + texture.wave(v / 6.0) * 0.28) * 13
        + texture.wave(v / 3.0 + (u / 2.6).floor() * 0.5) * 5
    )
    period = d.u(2.6, 3.6)
    weave = (
        texture.wave((u + v * d.u(0.3, 1)) / period) * 6
        + texture.wave((v - u * 0.4) / period) * 4
        + texture.noise("fine", u + d.u(0, 60), v) * 4
    )
    folds = texture.noise("ripple", x * 0.45 + y * 0.12 + d.u(0, 60), y * 0.4) * 7
    rows = texture.wave(v / d.u(6, 10))
    columns = texture.wave(u / d.u(7, 11))
    cx, cy = texture.saw(u / 8) - 0.5, texture.saw(v / 8) - 0.5
    dots = ((0.3 - (cx * cx + cy * cy).sqrt()) * 8).clamp(0, 1)
    striped = (rows * 3 + 0.5).clamp(0, 1)
    plaid = (rows * 4 + 0.5).clamp(0, 1) * 0.5 + (columns * 4 + 0.5).clamp(0, 1) * 0.5
    mix = (pattern == 1).float() * striped + (pattern == 2).float() * plaid + (pattern == 3).float() * dots
    return (knit * cable + (1 - knit) * weave + folds) / 255, mix


def draw(
    c: Canvas, who: SimpleNamespace, p: SimpleNamespace, h: SimpleNamespace, wear: SimpleNamespace
) -> None:
    """Neck, torso and what is worn on it. The torso hangs from the head's centre and doesn't turn with it."""
    x, y = (c.x - p.cx - p.sin_tilt * -h.b * 0.7), c.y - p.cy
    d = wear.draws
    g = wear.garment[:, None, None]

    def is_(kind: int) -> Tensor:
        return (g == kind).float()

    width = who.width * h.a
    n = (x / width).abs()
    fall = 0.10 * n + 0.22 * n * n + 0.8 * ((n * n) ** 4)
    shoulder = (1.16 + fall) * h.b  # the line from neck to upper arm
    torso = (shoulder - y) * 0.85
    tone = 0.86 + 0.22 * (x / width) * p.light_x + 0.06 * (1 - n)
    arm = ((n - 0.70).abs() - 0.012) * width
    skin_grain = c.tex("fine", d, 3.0)
    neck_w = (0.56 - 0.10 * who.woman) * h.a
    neck = torch.maximum(x.abs() - neck_w - 0.2 * (y - 1.0 * h.b).clamp(min=0), y - 1.75 * h.b)
    neck = torch.maximum(neck, 0.3 * h.b - y)
    c.paint(c.cover(neck), who.skin, tone * 0.92, skin_grain)
    jaw_shadow = ellipse(x, y - 0.92 * h.b, 0.75 * h.a, 0.36 * h.b)
    c.paint(c.cover(neck) * c.cover(jaw_shadow, 5.0 * c.k + 1) * 0.45, who.skin * 0.45)

    grain, mix = cloth(c, h, wear, x, y)
    body = c.cover(torso)
    collar = 1.22 + 0.20 * is_(_DRESS) + 0.05 * is_(_TEE) - 0.04 * is_(_KNIT) - 0.06 * is_(_COAT)
    scoop = ellipse(x, y - 1.02 * h.b, neck_w * (1.25 + 0.5 * is_(_DRESS)), (collar - 1.0) * h.b + 0.12 * h.b)
    bare = body * c.cover(scoop)
    covered = body * (1 - bare * (1 - is_(_SHIRT)) * (1 - is_(_SUIT)))
    c.paint(covered * (1 - mix), wear.colour, tone, grain)
    c.paint(covered * mix, wear.second, tone, grain)
    c.paint(bare * (1 - is_(_SHIRT)) * (1 - is_(_SUIT)), who.skin, tone, skin_grain)
    rim = c.cover(scoop.abs() - 0.05 * h.b) * body * (is_(_TEE) + is_(_KNIT) + is_(_HOODIE) + is_(_COAT))
    c.paint(rim * 0.8, wear.colour * 0.78, tone, grain)
    c.paint(body * c.cover(arm, 2.5) * 0.35 * (y > 1.55 * h.b).float(), wear.colour * 0.35)

    # an arm around the one beside
    reach = p.reach
    ax, ay, bx, by = -0.62 * width, 1.72 * h.b, -reach, 1.66 * h.b
    arm = segment(x, y, ax, ay, bx, by, 0.19 * h.b) + 99 * (reach == 0).float()
    c.paint(c.cover(arm - 0.5), wear.colour * 0.45)
    c.paint(c.cover(arm), wear.colour, tone * 1.04, grain)
    hand = ellipse(x - bx + 0.10 * h.b, y - by, 0.21 * h.b, 0.16 * h.b) + 99 * (reach == 0).float()
    c.paint(c.cover(hand), who.skin, tone, skin_grain)
    fingers = torch.maximum(
        texture.wave((y - by) / (0.085 * h.b)) * -0.4 + 0.3, hand + 0.5 + (x - bx).clamp(min=-2)
    )
    c.paint(c.cover(fingers) * c.cover(hand) * 0.35, who.skin * 0.4)

    # hood or coat collar: two rolls beside the neck
    roll = ellipse(x.abs() - 0.75 * h.a, y - 1.28 * h.b, 0.36 * h.a, 0.17 * h.b)
    c.paint(c.cover(roll) * (is_(_HOODIE) + is_(_COAT)), wear.colour * 0.85, tone, grain)
    cord = torch.maximum((x.abs() - 0.28 * h.a).abs() - 0.5, (y - 1.65 * h.b).abs() - 0.22 * h.b)
    c.paint(c.cover(cord) * is_(_HOODIE), wear.colour * 0.0 + 0.93)
    zipper = torch.maximum(x.abs() - 0.35, 1.3 * h.b - y) + 0 * n
    c.paint(c.cover(zipper) * is_(_COAT) * body, wear.colour * 0.4)

    # shirt and suit: a white V, a tie, lapels, a folded collar
    suit, shirt = is_(_SUIT), is_(_SHIRT)
    vee = (x.abs() - (2.15 * h.b - y) * 0.55).maximum(1.05 * h.b - y)
    white = wear.colour * 0 + torch.tensor([0.94, 0.94, 0.95])[None, :, None, None]
    c.paint(c.cover(vee) * body * suit, white, tone, grain * 0.6)
    lapel = (
        ((x.abs() - (2.15 * h.b - y) * 0.55).abs() - 0.16 * h.b)
        .maximum(1.12 * h.b - y)
        .maximum(y - 2.1 * h.b)
    )
    c.paint(c.cover(lapel) * c.cover(-vee, 1.2) * body * suit, wear.colour * 1.35 + 0.02, tone, grain)
    knot = (x.abs() - 0.10 * h.b - (y - 1.32 * h.b).clamp(min=0) * 0.10).maximum(1.22 * h.b - y)
    bow = ((y - 1.30 * h.b).abs() - 0.05 * h.b - x.abs() * 0.28).maximum(x.abs() - 0.30 * h.b)
    tie = knot * (1 - wear.bow) + bow * wear.bow
    tie_grain = texture.wave((x + y) / 3.4) * (10 / 255)
    c.paint(
        c.cover(tie) * body * suit,
        wear.second * (1 - wear.bow[:, None]) + 0.06 * wear.bow[:, None],
        tone,
        tie_grain,
    )
    flap = (x.abs() - 0.52 * h.a).abs() - 0.30 * h.a + (y - 1.20 * h.b).abs() * 0.9
    collar_colour = white * suit[:, None] + (wear.colour * 1.12 + 0.03).clamp(max=1) * (1 - suit)[:, None]
    c.paint(c.cover(flap) * (suit + shirt), collar_colour, tone * 1.02, grain * 0.6)
    placket = torch.maximum((x.abs() - 0.09 * h.b).abs() - 0.25, 1.3 * h.b - y) + 0 * n
    c.paint(c.cover(placket) * body * shirt * 0.6, wear.colour * 0.55)
    button = (x**2 + ((texture.saw(y / (0.30 * h.b)) - 0.5) * 0.30 * h.b) ** 2).sqrt() - 0.035 * h.b - 0.2
    c.paint(c.cover(button) * body * shirt * (y > 1.35 * h.b).float(), white, tone)
