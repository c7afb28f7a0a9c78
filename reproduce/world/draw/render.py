"""Renders specs, or a seed's samples, to images with captions, masks, identities and attributes."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from . import casting, indoors, outdoors, person, style
from .caption import phrase
from .chance import Draws
from .scene import TABLE
from .shapes import Canvas
from .spec import PLAIN, Spec, sample_specs

_CHUNK, _PEOPLE = 64, 16  # items per pass: a painter wants many, people's canvases should stay in cache
_TINT = {
    "city": (0.80, 0.78, 0.98),
    "desert": (1.06, 0.98, 0.86),
    "snow": (0.96, 0.99, 1.05),
    "rain": (0.84, 0.88, 0.92),
    "forest": (0.96, 0.96, 0.93),
    "library": (1.04, 0.96, 0.84),
    "wedding": (1.03, 1.0, 0.96),
    "beach": (1.05, 1.02, 0.96),
}


@dataclass(frozen=True)
class Renders:
    """n pictures, side S.

    images: (n, 3, S, S) in [0, 1], on the 8-bit grid; captions: n strings; specs: what was asked for.
    masks: "person", "face" (n, 1, S, S), "people" (n, 2, S, S), soft in [0, 1]; a second one is 0 when alone.
    identities: (n, 2) int64, -1 where nobody is. attributes: dicts: scene, style, framing, people, side,
    hug, what holds of the first person (woman, cut, hair_colour, glasses, yaw, points, box...), and such a
    dict for everybody under "persons"; angles in radians, lengths over the image's side. points: see
    landmarks.NAMES; box: x0, y0, x1, y1 of the head.
    """

    images: Tensor
    captions: list[str]
    masks: dict[str, Tensor]
    identities: Tensor
    attributes: list[dict]
    specs: list[Spec]


def render(spec_or_seed: int | Spec | Sequence[Spec], n: int = 1, size: int = 128) -> Renders:
    """Renders the specs given, or n samples of a seed; item i depends on its spec (or on seed and i) alone.

    size: the images' side in pixels, a multiple of 8 from 32 on. Raises ValueError on anything else.
    """
    if size < 32 or size % 8:
        raise ValueError(f"size must be a multiple of 8 from 32 on, got {size}")
    if isinstance(spec_or_seed, int):
        specs = sample_specs(spec_or_seed, n)
    else:
        specs = [spec_or_seed] if isinstance(spec_or_seed, Spec) else list(spec_or_seed)
    for i, spec in enumerate(specs):
        if not isinstance(spec, Spec):
            raise ValueError(
                f"item {i} must be a Spec, got {type(spec).__name__}; make one with Spec(...) or sample_specs"
            )
    fine = size * 2 if size < 96 else size  # the finest textures need 96 pixels; smaller images are averaged
    parts = [_chunk(specs[i : i + _CHUNK], fine) for i in range(0, len(specs), _CHUNK)] or [_nothing(fine)]
    images, people, face = (torch.cat([p[j] for p in parts]) for j in range(3))
    if fine != size:
        images, people, face = (
            avg_pool2d(x, 2) if len(x) else x[..., :size, :size] for x in (images, people, face)
        )
    images = (images.clamp(0, 1) * 255).round() / 255
    attributes = [a for p in parts for a in p[3]]
    captions = [phrase(s, a["persons"], a["hug"]) for s, a in zip(specs, attributes, strict=True)]
    masks = {"person": people.sum(1, keepdim=True).clamp(0, 1), "face": face, "people": people}
    identities = torch.tensor(
        [[s.identity if s.people else -1, s.partner if s.people > 1 else -1] for s in specs],
        dtype=torch.int64,
    ).reshape(-1, 2)
    return Renders(images, captions, masks, identities, attributes, specs)


def caption(spec: Spec) -> str:
    """The caption `render` gives this spec."""
    return phrase(spec, *casting.describe([spec])[0])


def _nothing(size: int) -> tuple:
    return torch.zeros(0, 3, size, size), torch.zeros(0, 2, size, size), torch.zeros(0, 1, size, size), []


def _chunk(specs: list[Spec], size: int) -> tuple[Tensor, Tensor, Tensor, list[dict]]:
    n = len(specs)
    seed = torch.tensor([s.seed for s in specs], dtype=torch.int64)
    side = Draws(seed, "layout").sign()
    images, people, face = (
        torch.zeros(n, 3, size, size),
        torch.zeros(n, 2, size, size),
        torch.zeros(n, 1, size, size),
    )
    groups = {name: [i for i, s in enumerate(specs) if s.scene == name] for name in TABLE}
    for name, items in groups.items():
        if items:
            at = torch.tensor(items)
            c = Canvas(len(items), size, torch.zeros(1))
            TABLE[name].paint(c, Draws(seed[at], "scene"), side[at])
            images[at] = c.image.clamp(0, 1)

    layers: list[tuple[Tensor, Tensor]] = []
    persons: list[list[dict]] = [[] for _ in specs]
    hug = [False] * n
    for slot in range(max(s.people for s in specs)):
        items, cast = casting.in_slot(specs, slot)
        layer = torch.zeros(n, 4, size, size)
        for first in range(0, len(items), _PEOPLE):
            part = torch.arange(first, min(first + _PEOPLE, len(items)))
            who, p, wear = (casting.take(x, part) for x in (cast.who, cast.p, cast.wear))
            c = Canvas(len(part), size)
            seen = person.draw(c, who, p, wear)
            at = torch.tensor(items)[part]
            tint = torch.tensor([_TINT.get(specs[i].scene, (1.0, 1.0, 1.0)) for i in at.tolist()])[
                :, :, None, None
            ]
            layer[at] = torch.cat([c.image * tint, c.alpha[:, None]], 1)
            face[at] = (face[at] * (1 - c.alpha[:, None]) + seen[:, None]).clamp(0, 1)
            people[at, 0] = people[at, 0] * (1 - c.alpha)
            people[at, slot] = c.alpha
        for j, i in enumerate(items):
            persons[i].append(casting.attributes(cast, j))
            hug[i] = bool(cast.p.hug[j] > 0)
        layers.append((torch.tensor(items), layer))

    if groups["mirror"]:
        _reflect(torch.tensor(groups["mirror"]), specs, images, layers, seed, side)
    close = [i for i, s in enumerate(specs) if s.framing != "photo"]
    if close:
        at = torch.tensor(close)
        images[at] = _out_of_focus(images[at], Draws(seed[at], "focus"))
    for items, layer in layers:
        images[items] = images[items] * (1 - layer[items, 3:]) + layer[items, :3]
    images.clamp_(0, 1)
    if groups["rain"]:
        at = torch.tensor(groups["rain"])
        c = Canvas(len(at), size, images[at])
        outdoors.drops(c, Draws(seed[at], "drops"))
        images[at] = c.image.clamp(0, 1)
    for name in sorted({s.style for s in specs} - {PLAIN}):
        at = torch.tensor([i for i, s in enumerate(specs) if s.style == name])
        images[at] = style.apply(name, images[at], seed[at])
    attributes = []
    for spec, who, h, s in zip(specs, persons, hug, side.flatten().tolist(), strict=True):
        main = {k: v for k, v in who[0].items() if k != "identity"} if who else {}
        attributes.append(
            {
                "scene": spec.scene,
                "style": spec.style,
                "framing": spec.framing,
                "people": spec.people,
                "side": s,
                "hug": h,
                **main,
                "persons": who,
            }
        )
    return images, people, face, attributes


def _reflect(at: Tensor, specs: list[Spec], images: Tensor, layers: list, seed: Tensor, side: Tensor) -> None:
    """Shows the people of the mirror scenes in their mirrors: flipped, smaller, a little dim."""
    size = images.shape[-1]
    small = int(size * 0.80) // 2 * 2
    c = Canvas(len(at), size, images[at])
    mx, my, hw, hh = indoors.mirror_frame(side[at])
    glass = c.cover(indoors.box(c.x - mx, c.y - my, hw, hh))
    for _, layer in layers:
        seen = interpolate(
            layer[at].flip(-1), (small, small), mode="bilinear", align_corners=False, antialias=True
        )
        canvas = torch.zeros(len(at), 4, size, size)
        for j, (s, x) in enumerate(zip(side[at].flatten().tolist(), mx.flatten().tolist(), strict=True)):
            head = 64 - s * 12  # where the flipped person's head is, in units
            left = int((x - head * 0.80) * c.k)
            a, b = max(0, left), min(size, left + small)
            top = int(9 * c.k)
            h = min(small, size - top)
            canvas[j, :, top : top + h, a:b] = seen[j, :, :h, a - left : b - left]
        cover = (canvas[:, 3] * glass)[:, None]
        c.image = c.image * (1 - cover) + canvas[:, :3] * glass[:, None] * 0.88 + cover * 0.03
    indoors.mirror_gloss(c, Draws(seed[at], "gloss"), side[at])
    images[at] = c.image.clamp(0, 1)


def _out_of_focus(images: Tensor, d: Draws) -> Tensor:
    """A blurred background with the sensor's grain: nothing in a photograph is quite flat."""
    size = images.shape[-1]
    half = avg_pool2d(images, 2)
    r = max(1, round(size / 128 * 2))
    for _ in range(2):
        half = avg_pool2d(half, 2 * r + 1, 1, r, count_include_pad=False)
    # not `interpolate`, whose rounding depends on the number of threads
    full = half.repeat_interleave(2, 2).repeat_interleave(2, 3)
    c = Canvas(images.shape[0], size, avg_pool2d(full, 3, 1, 1, count_include_pad=False))
    c.add(c.tex("fine", d, 2.6) + c.tex("grain", d, 1.6))
    return c.image
