"""Hair: cuts and colours of an identity, and the three layers they are drawn in (behind, in front, on top).

A cut is a row of numbers: a cap around the skull with an opening for the face, and volume behind the head.
"""

from types import SimpleNamespace

import torch
from torch import Tensor

from . import texture
from .chance import Draws
from .shapes import Canvas, ellipse

COLOURS = {
    "black": (0.09, 0.075, 0.075),
    "brown": (0.30, 0.185, 0.11),
    "blond": (0.80, 0.64, 0.36),
    "red": (0.60, 0.235, 0.09),
    "grey": (0.64, 0.63, 0.62),
}
_COLUMNS = (
    "wide",
    "high",
    "side",
    "line",
    "open",
    "part",
    "curl",
    "back_w",
    "back_y",
    "bun",
    "tail",
    "dense",
)
#            wide  high  side  line   open  part  curl back_w back_y bun tail dense
CUTS = {
    "bald": (0.00, 0.00, -9.0, -3.0, 3.00, 0.0, 0.0, 0.00, 0.0, 0.0, 0.0, 0.0),
    "buzz": (0.015, 0.03, 0.05, -0.52, 0.86, 0.0, 0.0, 0.00, 0.0, 0.0, 0.0, 0.75),
    "short": (0.05, 0.10, 0.08, -0.50, 0.84, 0.1, 0.0, 0.00, 0.0, 0.0, 0.0, 1.0),
    "parted": (0.06, 0.13, 0.05, -0.54, 0.86, 0.42, 0.0, 0.00, 0.0, 0.0, 0.0, 1.0),
    "quiff": (0.02, 0.30, 0.02, -0.56, 0.88, 0.15, 0.0, 0.00, 0.0, 0.0, 0.0, 1.0),
    "fringe": (0.10, 0.10, 0.28, -0.20, 0.83, 0.0, 0.0, 0.00, 0.0, 0.0, 0.0, 1.0),
    "curly": (0.18, 0.26, 0.22, -0.46, 0.82, 0.0, 1.0, 0.00, 0.0, 0.0, 0.0, 1.0),
    "afro": (0.34, 0.42, 0.40, -0.48, 0.83, 0.0, 1.0, 1.42, 0.55, 0.0, 0.0, 1.0),
    "bob": (0.16, 0.11, 0.75, -0.52, 0.80, 0.25, 0.0, 1.22, 0.95, 0.0, 0.0, 1.0),
    "bob with fringe": (0.16, 0.11, 0.75, -0.20, 0.80, 0.0, 0.0, 1.20, 0.85, 0.0, 0.0, 1.0),
    "long": (0.12, 0.10, 0.70, -0.52, 0.80, 0.2, 0.0, 1.20, 2.2, 0.0, 0.0, 1.0),
    "long curly": (0.16, 0.17, 0.70, -0.50, 0.80, 0.1, 0.7, 1.36, 1.9, 0.0, 0.0, 1.0),
    "bun": (0.03, 0.06, 0.00, -0.54, 0.85, 0.0, 0.0, 0.00, 0.0, 0.40, 0.0, 1.0),
    "ponytail": (0.03, 0.06, 0.00, -0.54, 0.85, 0.15, 0.0, 0.00, 0.0, 0.0, 1.0, 1.0),
}
NAMES = tuple(CUTS)
MEASURES = ("cut", *_COLUMNS)  # what a cut sets of an identity
LENGTH = {
    "long": "long",
    "long curly": "long",
    "short": "short",
    "buzz": "short",
    "curly": "curly",
    "afro": "curly",
}
_TABLE = torch.tensor([CUTS[n] for n in NAMES])
_MEN = [3, 3, 6, 5, 4, 2, 3, 1.5, 0, 0, 1.5, 0.5, 0.5, 0]
_WOMEN = [0, 0, 1.5, 0, 0, 0, 1, 1.5, 4, 3.5, 5, 4, 3.5, 3.5]


def identity(who: SimpleNamespace, d: Draws, woman: Tensor) -> None:
    """Adds cut, colour and their measures to the identity."""
    men, women = d.index(_MEN), d.index(_WOMEN)
    who.cut = torch.where(woman, women, men)
    row = _TABLE[who.cut]
    for i, name in enumerate(_COLUMNS):
        setattr(who, name, row[:, i, None, None])
    who.part = who.part * d.sign()
    who.high = who.high * d.u(0.85, 1.2)
    who.line = who.line + d.u(-0.05, 0.05)
    who.hair_colour = d.index([6, 7, 4.5, 3, 2.5])
    shade = torch.tensor(list(COLOURS.values()))[who.hair_colour][:, :, None, None]
    who.hair = (shade * d.u(0.8, 1.2)[:, None] + (d.u()[:, None] - 0.5) * 0.02).clamp(0.02, 0.95)
    who.brow_colour = brows(who)


def brows(who: SimpleNamespace) -> Tensor:
    """The colour of the brows, (N, 3, 1, 1): the hair's, a little the skin's."""
    return who.hair * 0.62 + who.skin * 0.12


def strands(h: SimpleNamespace, who: SimpleNamespace, p: SimpleNamespace, long: bool) -> Tensor:
    """Strand texture (N, S, S) in [0, 1] units: outwards from the crown over the cap, downwards when long."""
    d = p.draws
    x, y = h.nx - who.part * 0.8, h.ny + (1.9 if long else 1.05)
    size = x.abs() + y.abs() + 0.05
    angle = x / size  # a cheap angle: monotone around the crown
    radius = (x * x + y * y).sqrt() * h.b
    curl = texture.wave(radius / 7.5 + texture.noise("cloud", h.lx, h.ly) * 0.8) * who.curl * 2.4
    u = angle * h.a * (3.2 if long else 2.1) + curl + d.u(0, 60)
    lines = texture.noise("strand", u, radius * 0.6 + d.u(0, 60))
    clumps = texture.noise("ripple", u * 0.8 + 9, radius * 0.5)
    frizz = texture.noise("grain", h.lx + d.u(0, 60), h.ly) * who.curl
    return (lines * 10 + clumps * 7 + frizz * 12) / 255


def _shine(h: SimpleNamespace, p: SimpleNamespace) -> Tensor:
    ring = (1 - ((h.r - 0.80 + 0.15 * h.nx * p.light_x) / 0.22) ** 2).clamp(min=0) * (h.ny < 0.2).float()
    return 0.16 * ring * (1 - h.nx.abs() * 0.5)


def behind(c: Canvas, who: SimpleNamespace, p: SimpleNamespace, h: SimpleNamespace) -> None:
    """What hangs or stands behind the head and the shoulders."""
    h.strand_long, h.strand_cap = strands(h, who, p, True), strands(h, who, p, False)
    h.bump = texture.noise("blotch", h.lx * 1.2 + 11, h.ly * 1.2) * who.curl * 0.055
    shift = -0.14 * h.sin  # the back of the head turns the other way
    x = h.nx - shift
    taper = 1 - 0.06 * (h.ny - 0.5).clamp(min=0) ** 2
    curve = (x / (who.back_w * taper + 1e-3)) ** 2
    bottom = (who.back_y - 0.10 * curve - h.ny) * -1
    up = (curve + ((h.ny + 0.1) / (1.06 + who.high)) ** 2).sqrt() - 1
    body = torch.where(h.ny < -0.1, up, torch.maximum(curve.sqrt() - 1, bottom * 0.9))
    d = (body * 0.95 - h.bump) * h.a + 99 * (who.back_w == 0).float()
    dim = 0.72 + 0.2 * h.nx * p.light_x
    c.paint(c.cover(d, 1.6), who.hair, dim, h.strand_long)
    side = -torch.sign(p.sin_yaw + 1e-6)
    drop = ((h.ny + 0.45) / 1.7).clamp(0, 1)
    thick = 0.27 * (0.45 + 2.6 * drop * (1 - drop)) - 0.10 * drop
    centre = side * (0.72 + 0.75 * drop - 0.42 * drop * drop)
    tail = torch.maximum((h.nx - centre).abs() - thick, (h.ny - 0.40).abs() - 0.85)
    c.paint(c.cover(tail * h.a + 99 * (1 - who.tail), 1.6), who.hair, dim, h.strand_long)
    bun = ellipse(h.nx - shift, h.ny + 1.12, 0.44, 0.36)
    c.paint(c.cover(bun * h.a + 99 * (who.bun == 0).float(), 1.5), who.hair, dim + 0.15, h.strand_cap)


def front(c: Canvas, who: SimpleNamespace, p: SimpleNamespace, h: SimpleNamespace, face) -> Tensor:
    """The cap with its opening for the face; returns the visible face (N, S, S)."""
    top = who.line + 0.16 * who.part * (h.fx * 1.6).clamp(-1, 1) + 0.10 * h.fx * h.fx
    middle = (top + 1.25) * 0.5
    half = (1.25 - top) * 0.5
    opening = (((h.fx / who.open) ** 2) ** 2 + (((h.fy - middle) / half) ** 2) ** 2 + 1e-6).sqrt().sqrt() - 1
    edge = opening + texture.noise("fine", h.fx * h.a * 1.2, h.fy * h.b * 0.5) * 0.025 + h.bump * 0.7
    x2, y2 = (h.nx / (1.02 + who.wide)) ** 2, ((h.ny + 0.02) / (1.01 + who.high)) ** 2
    round_off = 0.42 * (h.ny < 0).float() * (who.high < 0.40).float()  # a fuller crown than an ellipse has
    cap = ((x2 + y2 - round_off * (x2 * y2).clamp(max=1)).clamp(min=0).sqrt() - 1) * h.a - h.bump * h.a
    under = (h.ny - who.side - 0.35 * (0.55 - h.fz).clamp(0, 0.5)) * h.b
    d = torch.maximum(torch.maximum(cap, -edge * h.a * 0.8), under * 0.7)
    cover = c.cover(d, 1.6) * (who.dense > 0).float() * (0.6 + 0.4 * who.dense)
    shadow = c.cover((-edge - 0.09) * h.a * 0.8, 3.0) * h.head * (who.dense > 0.9).float()
    c.paint(shadow * 0.28 * (h.fy < 0.2).float(), who.skin * 0.45)
    light = (h.shade - 0.12).clamp(0.45, 1.05)
    c.paint(cover, who.hair, light + _shine(h, p) * 1.5, h.strand_cap + _shine(h, p) * 0.35)
    return h.head * (1 - cover)


def top(c: Canvas, who: SimpleNamespace, p: SimpleNamespace, h: SimpleNamespace) -> None:
    """Locks that fall over the shoulders in front (long cuts only)."""
    long = (who.back_y > 1.5).float()
    x = (h.nx + 0.10 * h.sin).abs()
    centre = 0.98 + 0.10 * (h.ny - 0.3).clamp(min=0)
    half = 0.20 * (1 - 0.25 * (h.ny - 1.1).clamp(min=0)) + 0.05 * who.curl
    d = torch.maximum(
        (x - centre).abs() - half - h.bump,
        torch.maximum(0.25 - h.ny, h.ny - who.back_y + 0.35 + (x - centre).abs() * 0.8 + h.strand_long * 1.5),
    )
    c.paint(c.cover(d * h.a, 1.6) * long, who.hair, h.shade.clamp(0.6, 0.95), h.strand_long)
