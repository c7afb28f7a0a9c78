"""The pictures an experiment works on: people to protect, where an editor would repaint, and what it would ask for."""

from dataclasses import dataclass
from pathlib import Path

import torch

from .. import images as pixels
from .. import rng
from ..engine.jobs import Job, Result

NEW = range(100_000, 101_000)  # identities of the small world that no model was trained on
PROMPTS = (
    "a photo of a person in the snow",
    "a photo of a person at the beach",
    "a photo of a person in a library",
    "a photo of a person in the forest",
    "a photo of a person in a city at night",
    "a photo of a person in the plane",
)
PHOTO_PROMPTS = ("a photo of a person in the snow", "a photo of a flower garden", "a photo of a kitchen")


@dataclass(frozen=True)
class Subjects:
    """images (n, 3, size, size) on the 8-bit grid; masks (n, 1, size, size): 1 where the kept person is; prompts[i]: edits to try.

    who[i]: the person in picture i, where several pictures are of one, side by side: a set, which some methods take whole.
    """

    names: list
    images: torch.Tensor
    masks: torch.Tensor
    prompts: list
    who: list | None = None

    def sets(self):
        """Ranges of the pictures of one person each."""
        who, found = self.who or self.names, []
        for i, one in enumerate(who):
            if i and one == who[i - 1]:
                found[-1] = range(found[-1].start, i + 1)
            else:
                found.append(range(i, i + 1))
        return found


def people(study, count):
    """`count` portraits: the study's folder of pictures, or renders of unseen people, or pictures the model makes itself."""
    if study.images:
        return _folder(Path(study.images), study.identity.size, count)
    return rendered(study.seed, count, study.identity.size) if study.name == "bundled" else _generated(study, count)


def photographs(study, count=3):
    """Real photographs that ship inside scikit-image and scikit-learn (nobody's portrait but an astronaut's)."""
    from ..world.train.quality import photographs as shipped

    names, images = shipped(study.identity.size)
    return Subjects(names[:count], images[:count], _centre(images[:count]), [PHOTO_PROMPTS] * len(names[:count]))


def rendered(seed, count, size, identities=NEW):
    """Portraits of people of the small world, of these identities, with their masks."""
    from ..world import render, sample_specs

    wanted = dict(styles=["photo"], people=1, framing="photo", identities=identities)
    made = render(sample_specs(rng.child(seed, "subjects") % 2**62, count, **wanted), size=size)
    prompts = [tuple(PROMPTS[(i + k) % len(PROMPTS)] for k in range(len(PROMPTS))) for i in range(count)]
    return Subjects([f"person {i + 1}" for i in range(count)], made.images, (made.masks["person"] >= 0.5).float(), prompts)


def listed(folder):
    """The picture files of a folder in order of name, without hidden ones."""
    return [p for p in sorted(folder.iterdir()) if p.suffix.lower() in pixels.SUFFIXES and p.is_file() and not p.name.startswith(".")]


def _folder(folder, size, count):
    """Photographs of a folder; NAME_mask.png beside NAME.* marks the person in white, else a centred ellipse stands for it."""
    if not folder.is_dir():
        raise ValueError(f"{folder}: expected a folder of pictures, there is none; correct IMAGES or leave it empty")
    paths = [p for p in listed(folder) if not p.stem.endswith("_mask")][:count]
    if not paths:
        raise ValueError(f"{folder}: expected pictures ({', '.join(pixels.SUFFIXES)}), found none; put some there or leave IMAGES empty")
    stems = [p.stem for p in paths]
    names = [p.name if stems.count(p.stem) > 1 else p.stem for p in paths]  # rows are told apart by name
    images = torch.cat([pixels.load(p, size) for p in paths])
    masks = _centre(images)
    for i, path in enumerate(paths):
        drawn = path.with_name(f"{path.stem}_mask.png")
        if drawn.exists():
            masks[i] = (pixels.load(drawn, size).mean(1) >= 0.5).float()
    return Subjects(names, images, masks, [PROMPTS] * len(paths))


def _generated(study, count):
    """Portraits the profile's own model makes from prompts, where no folder is given."""
    if not study.identity.varies:
        raise ValueError(f"{study.name}: its model has no 4-channel denoiser to make portraits with; give a folder of pictures as IMAGES")
    prompts = [f"a photo of the face of a {'woman' if i % 2 else 'man'}, portrait, natural light" for i in range(count)]
    made = [
        Job("experiments.subjects:generate", dict(prompt=prompt, seed=study.seed, number=i, steps=30, guidance=7.5))
        for i, prompt in enumerate(prompts)
    ]
    images = study.sweep("subjects", made).images({}, "image")
    return Subjects([f"generated {i + 1}" for i in range(count)], images, _centre(images), [PROMPTS] * count)


def generate(profile, values, pictures):
    """One picture from a prompt: called "image". values: prompt, seed, number, steps, guidance."""
    from ..misuse.edit import generate as draw

    chance = [rng.generator(values["seed"], "subject", values["number"])]
    rule = dict(steps=values["steps"], guidance=values["guidance"], generator=chance)
    return Result([], {"image": draw([values["prompt"]], profile.model, **rule)})


def _centre(images):
    """A centred ellipse (n, 1, H, W), for pictures that come without a mask."""
    y, x = (torch.linspace(-1, 1, n) for n in images.shape[2:])
    inside = ((y[:, None] / 0.85) ** 2 + (x[None] / 0.55) ** 2 < 1).float()
    return inside.expand(len(images), 1, -1, -1).clone()
