"""Sets of pictures of one person each, by their roles: A is clean and at hand, B is published and protected, C tells whose a face is.

The roles are Anti-DreamBooth's: twelve pictures of a person in three sets of four.
"""

from pathlib import Path

import torch

from .. import images as pixels
from .. import rng
from ..papers.dreambooth import PROMPTS
from .subjects import NEW, Subjects, listed

ROLES = ("A", "B", "C")
EACH = 4  # pictures of a person in a set
ASKED_FOR = ("mirror", "eiffel")  # scenes of the prompts, which no picture of a set may teach


def people(study, count):
    """{role: Subjects} of the first `count` people, EACH pictures of each in each role, one person's side by side.

    Of the study's folder, a folder a person: from set_A, set_B and set_C in it, or else its pictures in order of name, the first EACH for
    A, and so on. Without a folder, of the small world: new people, in scenes and framings mixed; a model does not make twelve pictures of
    one person by itself. ValueError, one line: no folder of people, or one with too few pictures.
    """
    if study.images:
        return _folders(Path(study.images), study.identity.size, count)
    return rendered(study.seed, count, study.identity.size)


def rendered(seed, count, size, identities=NEW):
    """The same, drawn: people of these identities, each of twelve pictures in another scene, half of each set close portraits."""
    from ..world import SCENES, Spec, render

    places = [scene for scene in SCENES if scene not in ASKED_FOR]
    order = torch.randperm(len(identities), generator=rng.generator(seed, "people"))[:count].tolist()
    drawn = {role: [] for role in ROLES}
    for i in order:
        scenes = torch.randperm(len(places), generator=rng.generator(seed, "scenes", i)).tolist()
        for k in range(len(ROLES) * EACH):
            framing = "photo" if k % EACH == EACH - 1 else "dslr portrait"  # as the papers' sets are: faces, mostly close
            one = Spec(identities[i], places[scenes[k]], framing=framing, seed=rng.child(seed, "set", i, k) % 2**62)
            drawn[ROLES[k // EACH]].append(one)
    who = [f"person {n + 1}" for n in range(count) for _ in range(EACH)]
    made = {role: render(specs, size=size) for role, specs in drawn.items()}
    return {role: _subjects(who, one.images, (one.masks["person"] >= 0.5).float()) for role, one in made.items()}


def _folders(folder, size, count):
    inside = sorted(folder.iterdir()) if folder.is_dir() else []
    homes = [one for one in inside if one.is_dir() and not one.name.startswith(".")][:count]
    if not homes:
        raise ValueError(f"{folder}: expected a folder for each person, found none; give everybody a folder of twelve pictures")
    found = {role: [] for role in ROLES}
    for home in homes:
        apart = all((home / f"set_{role}").is_dir() for role in ROLES)
        whole = [] if apart else _pictures(home, len(ROLES) * EACH)
        for k, role in enumerate(ROLES):
            paths = _pictures(home / f"set_{role}", EACH) if apart else whole[k * EACH : (k + 1) * EACH]
            found[role] += [pixels.load(path, size) for path in paths]
    who = [home.name for home in homes for _ in range(EACH)]
    stacked = {role: torch.cat(parts) for role, parts in found.items()}
    return {role: _subjects(who, images, torch.ones_like(images[:, :1])) for role, images in stacked.items()}


def _pictures(folder, count):
    """The first `count` pictures of a folder."""
    paths = listed(folder)
    if len(paths) < count:
        raise ValueError(f"{folder}: expected {count} pictures of one person ({', '.join(pixels.SUFFIXES)}), found {len(paths)}; add some")
    return paths[:count]


def _subjects(who, images, masks):
    names = [f"{one}, {i % EACH + 1}" for i, one in enumerate(who)]
    return Subjects(names, images, masks, [tuple(PROMPTS.values())] * len(who), who)
