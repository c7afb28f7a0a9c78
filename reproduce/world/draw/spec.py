"""What one picture is asked to show: `Spec`, its checks, and how training samples are drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from .chance import Draws, keys, word
from .scene import SCENES
from .style import HELD_OUT_STYLES, STYLES

FRAMINGS = ("photo", "dslr portrait")
IDENTITIES = range(4000)  # those sampled by default; any other number is somebody never seen in training
PLAIN = "photo"  # the style of a picture that isn't painted


@dataclass(frozen=True)
class Spec:
    """One picture.

    identity, partner: numbers of the people, -1 where there is none. scene: of SCENES. style: "photo", of
    STYLES or HELD_OUT_STYLES. framing: of FRAMINGS. people: 0, 1 or 2. seed: all else (pose, light, clothes).
    disguise: the number of somebody whose hair, glasses and beard the first person wears, -1 for their own.
    """

    identity: int = 0
    scene: str = "studio"
    style: str = PLAIN
    framing: str = "photo"
    people: int = 1
    seed: int = 0
    partner: int = -1
    disguise: int = -1

    def __post_init__(self) -> None:
        known("scene", self.scene, SCENES)
        known("style", self.style, (PLAIN, *STYLES, *HELD_OUT_STYLES))
        known("framing", self.framing, FRAMINGS)
        known("people", self.people, (0, 1, 2))
        for name, needed in (("identity", 1), ("partner", 2)):
            if self.people >= needed and not 0 <= getattr(self, name) < 2**62:
                raise ValueError(
                    f"{name} must be a number from 0 on with people={self.people}, got {getattr(self, name)}"
                )
        if not -1 <= self.disguise < 2**62:
            raise ValueError(f"disguise must be a number from 0 on, or -1 for none, got {self.disguise}")
        if not -(2**63) <= self.seed < 2**63:
            raise ValueError(f"seed must fit 64 bits, got {self.seed}")


def known(what: str, value: object, names: Sequence) -> None:
    """Raises a ValueError that lists what there is."""
    if value not in names:
        raise ValueError(f"unknown {what} {value!r}; there are: {', '.join(map(str, names))}")


def _subset(what: str, given: Sequence | None, names: Sequence) -> list:
    """The choice to sample from: all names, or those given (checked)."""
    given = list(names) if given is None else [given] if isinstance(given, (str, int)) else list(given)
    if not given:
        raise ValueError(f"{what} is empty; there are: {', '.join(map(str, names))}")
    for value in given:
        known(what, value, names)
    return given


def _pick(r: float, names: Sequence):
    """names[r of the way], for r in [0, 1)."""
    return names[min(int(r * len(names)), len(names) - 1)]


def sample_specs(
    seed: int,
    n: int,
    *,
    scenes: Sequence[str] | None = None,
    styles: Sequence[str] | None = None,
    identities: Sequence[int] | None = None,
    people: int | Sequence[int] | None = None,
    framing: str | Sequence[str] | None = None,
    held_out: bool = False,
    start: int = 0,
) -> list[Spec]:
    """n specs; number i depends on (seed, start + i) and the choices only.

    styles: what to choose from, evenly; left out, 85 % are photos and the rest painted (with held_out=True in
    the held-out styles too). identities: by default IDENTITIES. people: by default 8 % nobody, 20 % two.
    """
    if n < 0 or start < 0:
        raise ValueError(f"n and start must be 0 or more, got n={n}, start={start}")
    painted = STYLES + (HELD_OUT_STYLES if held_out else ())
    if not held_out and styles is not None:
        for style in [styles] if isinstance(styles, str) else styles:
            if style in HELD_OUT_STYLES:
                raise ValueError(f"style {style!r} is held out of training; ask for it with held_out=True")
    scenes = _subset("scene", scenes, SCENES)
    chosen = None if styles is None else _subset("style", styles, (PLAIN, *painted))
    who = IDENTITIES if identities is None else identities
    who = who if isinstance(who, range) else list(dict.fromkeys(who))
    if len(who) == 0:
        raise ValueError("identities is empty; give numbers from 0 on, e.g. range(4000)")
    count = None if people is None else _subset("people", people, (0, 1, 2))
    framings = _subset("framing", framing, FRAMINGS)
    if len(who) < 2 and count and 2 in count:
        raise ValueError(f"two people need two different identities, got {list(who)}; give more, or people=1")

    d = Draws(keys(torch.arange(start, start + n), "item", word(seed)), "spec")
    seeds = keys(torch.arange(start, start + n), "item", word(seed)).tolist()
    rows = torch.stack([d.row() for _ in range(6)], 1).tolist() if n else []
    specs = []
    for own, (r_people, r_scene, r_style, r_framing, r_first, r_second) in zip(seeds, rows, strict=True):
        scene = _pick(r_scene, scenes)
        number = _pick(r_people, count) if count else 0 if r_people < 0.08 else 1 if r_people < 0.80 else 2
        if not count and (number == 0 and scene == "studio" or number == 2 and len(who) < 2):
            number = 1  # an empty studio is no picture, and a pair takes two
        style = PLAIN if r_style < 0.85 else _pick((r_style - 0.85) / 0.15, painted)
        style = _pick(r_style, chosen) if chosen else style
        frame = _pick(r_framing, framings)
        if framing is None:
            frame = "dslr portrait" if number and r_framing < 0.35 else "photo"
        first, second = _pick(r_first, who), _pick(r_second, who)
        if second == first:
            second = who[(who.index(first) + 1) % len(who)]
        pair = (first if number else -1, second if number == 2 else -1)
        specs.append(Spec(pair[0], scene, style, frame, number, own, pair[1]))
    return specs
