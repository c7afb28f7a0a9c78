"""Who stands where in which picture: people with their stance and clothes, placed by framing and company."""

from types import SimpleNamespace

import torch
from torch import Tensor

from . import clothes, hair, landmarks, person
from .chance import Draws, keys
from .shapes import UNITS
from .spec import Spec


def in_slot(specs: list[Spec], slot: int) -> tuple[list[int], SimpleNamespace]:
    """Who stands in slot 0 or 1 of which items: (item numbers, who/stance/outfit/points/boxes)."""
    items = [i for i, s in enumerate(specs) if s.people > slot]
    number = torch.tensor([specs[i].partner if slot else specs[i].identity for i in items], dtype=torch.int64)
    seed = torch.tensor([specs[i].seed for i in items], dtype=torch.int64)
    key = keys(seed, "person", slot)
    who = person.identity(number)
    if not slot:
        disguise = torch.tensor([specs[i].disguise for i in items], dtype=torch.int64)
        person.disguise(who, disguise)
    p = person.stance(key, who)
    wear = clothes.outfit(key, who, [specs[i].scene for i in items])
    place(p, Draws(seed, "layout"), [specs[i] for i in items], slot)
    points, boxes = landmarks.points(who, p), landmarks.boxes(who, p)
    return items, SimpleNamespace(who=who, p=p, wear=wear, points=points, boxes=boxes)


def place(p: SimpleNamespace, d: Draws, specs: list[Spec], slot: int) -> None:
    """Head centre and size by framing and number of people; the two of a pair share the item's draws."""
    two = torch.tensor([float(s.people == 2) for s in specs])[:, None, None]
    close = torch.tensor([float(s.framing != "photo") for s in specs])[:, None, None]
    side, hug = d.sign(), d.flag(0.25) * two
    own = [d.u(-1, 1) for _ in range(6)][slot * 3 : slot * 3 + 3]
    shared = d.u(-1, 1)
    one_b, two_b = 28.5 + 2.5 * own[0] + close * (11.5 - own[0]), 23.5 + 1.5 * own[0] + close * 5.5
    p.b = one_b * (1 - two) + two_b * two
    offset = 12 + 3 * shared - close * (6 + 3 * shared)
    apart = (23.0 + 1.0 * own[1] + close * 5.5) * (1 - hug * 0.20)
    pair = 64 + side * (8 + 2 * shared) * (1 - close * 0.6) + (2 * slot - 1) * apart
    p.cx = (64 + side * offset) * (1 - two) + pair * two
    p.cy = (60 + 2.5 * own[2] + close * 3) * (1 - two) + (62 + 2.5 * own[2] + close * 3) * two
    p.sin_tilt = p.sin_tilt * (1 - 0.5 * hug) + hug * (2 * slot - 1) * -0.12  # heads lean together in a hug
    p.hug, p.reach = hug, hug * slot * (1.55 * apart + 2)  # the second one lays an arm around the first
    mirror = torch.tensor([float(s.scene == "mirror") for s in specs])[:, None, None]
    p.sin_yaw = p.sin_yaw * (1 - mirror) + mirror * (-side * (0.42 + 0.1 * own[0]))
    p.side = side


def describe(specs: list[Spec]) -> list[tuple[list[dict], bool]]:
    """The people's attributes and whether they hug, without drawing."""
    persons: list[list[dict]] = [[] for _ in specs]
    hug = [False] * len(specs)
    for slot in range(max((s.people for s in specs), default=0)):
        items, cast = in_slot(specs, slot)
        for j, i in enumerate(items):
            persons[i].append(attributes(cast, j))
            hug[i] = bool(cast.p.hug[j] > 0)
    return list(zip(persons, hug, strict=True))


def attributes(cast: SimpleNamespace, j: int) -> dict:
    who, p = cast.who, cast.p
    return {
        "identity": int(who.numbers[j]),
        "woman": bool(who.woman[j] > 0),
        "cut": hair.NAMES[int(who.cut[j])],
        "hair_colour": list(hair.COLOURS)[int(who.hair_colour[j])],
        "glasses": person.GLASSES[int(who.glasses[j])],
        "beard": person.BEARDS[int(who.beard[j])],
        "yaw": float(p.sin_yaw[j].asin()),
        "tilt": float(p.sin_tilt[j].asin()),
        "smile": float(p.smile[j]),
        "mouth_open": float(p.open[j]),
        "light": "right" if p.light_x[j] > 0 else "left",
        "garment": clothes.GARMENTS[int(cast.wear.garment[j])],
        "pattern": clothes.PATTERNS[int(cast.wear.pattern[j])],
        "points": tuple(map(tuple, cast.points[j].tolist())),
        "box": tuple(cast.boxes[j].tolist()),
        "head": (float(p.cx[j]) / UNITS, float(p.cy[j]) / UNITS, float(p.b[j]) / UNITS),
    }


def take(space: SimpleNamespace, at: Tensor) -> SimpleNamespace:
    """Rows `at` of every per-item value in a namespace."""
    out = SimpleNamespace()
    for name, value in vars(space).items():
        if isinstance(value, Draws):
            setattr(out, name, value.take(at))
        else:
            setattr(out, name, value[at])
    return out
