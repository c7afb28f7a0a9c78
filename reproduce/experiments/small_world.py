"""How good the small world's models are (notebook 00), all on renders that no training saw."""

import torch
import torch.nn.functional as F

from .. import rng
from ..diffusion import profiles
from ..engine.jobs import Job, Result, levels
from ..measure import compare
from ..measure.clip import identify
from ..misuse import edit
from ..papers import photoguard as paper
from ..world import SCENES, render, sample_specs
from ..world.draw.scene import TABLE
from ..world.train import quality
from . import scales, subjects
from .grid import GROUP

ETA = 1.0  # fresh noise in every step, as DDPM samples: outlines come out cleaner (by eye), whole faces no more often (counted)


def scene_classifier(count):
    """A classifier of scenes that no training used: logistic regression on 16x16 colour thumbnails of `count` fresh renders."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    made = render(sample_specs(31_000, count, styles=["photo"]))
    labels = [a["scene"] for a in made.attributes]
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.02, max_iter=300))
    model.fit(_thumbnails(made.images), labels)
    held_out = render(sample_specs(32_000, max(68, count // 8), styles=["photo"]))
    return model, model.score(_thumbnails(held_out.images), [a["scene"] for a in held_out.attributes])


def _thumbnails(images):
    return F.avg_pool2d(images, images.shape[-1] // 16).flatten(1).numpy()


class SmallWorld:
    """The measurements of one study: sweeps, whose rows are kept."""

    def __init__(self, study):
        self.study, self.counts = study, scales.counts("small_world", study.scale)

    def generate(self):
        """Pictures from "a photo of a person {scene}", guidance 7.5, one job a few scenes."""
        each, jobs = max(1, self.counts.generated // len(SCENES)), []
        common = dict(steps=self.counts.steps, seed=self.study.seed)
        for i in range(0, min(len(SCENES), self.counts.generated), 4):
            wanted = [[scene, k] for scene in SCENES[i : i + 4] for k in range(each)]
            jobs.append(Job("experiments.small_world:generated", dict(wanted=wanted, **common), at=dict(first=i)))
        return self.study.sweep("generated", jobs)

    def inpaint(self):
        """Held-out people, everything else repainted after a prompt: is the person kept?"""
        people = subjects.people(self.study, self.counts.inpainted)
        scenes, jobs = [scene for scene in SCENES if scene != "studio"], []
        common = dict(steps=self.counts.inpaint_steps, seed=self.study.seed)
        for i in range(0, len(people.names), edit.BATCH):
            some = range(i, min(i + edit.BATCH, len(people.names)))
            values = dict(names=people.names[i : some.stop], scenes=[scenes[k % len(scenes)] for k in some], first=i, **common)
            pictures = {"images": levels(people.images[i : some.stop]), "mask": levels(people.masks[i : some.stop])}
            jobs.append(Job("experiments.small_world:inpainted", values, pictures))
        return self.study.sweep("inpainted", jobs)

    def recognise(self, *sweeps):
        """The rows of sweeps of pictures called "image", with the scene that the classifier sees and whether it was the one asked for.

        One job for all of them, since the classifier takes longer to learn than to look.
        """
        pictures = {"image": [one.stored({}, "image") for one in sweeps]}
        job = Job("experiments.small_world:recognised", dict(learned=self.counts.learned), pictures)
        *seen, told = self.study.sweep("recognised", [job]).rows
        self.accuracy, seen = told["accuracy"], iter(seen)
        return [[row | _right(row["scene"], next(seen)["recognised"]) for row in one.rows] for one in sweeps]

    def susceptibility(self):
        """The condition the organism is bred for, on held-out renders; rows one a picture and condition."""
        images, jobs = render(quality.SEED, self.counts.attacked).images, []
        for first in range(0, len(images), GROUP):
            values = dict(first=first, eps=8, steps=self.counts.attack_steps, seed=self.study.seed)
            jobs.append(Job("experiments.small_world:condition", values, {"images": levels(images[first : first + GROUP])}))
        return self.study.sweep("susceptibility", jobs)

    def reconstruction(self):
        """PSNR and SSIM of the round trip on renders and photographs, average pooling beside it."""
        renders = render(quality.SEED, self.counts.rebuilt).images
        known = {"renders": renders, "photographs": quality.photographs(self.study.identity.size)[1]}
        pictures = {name: {"images": levels(images)} for name, images in known.items()}
        jobs = [Job("experiments.small_world:rebuilt", {}, images, told=dict(pictures=name)) for name, images in pictures.items()]
        return self.study.sweep("reconstruction", jobs)

    def retrieval(self):
        """Share of held-out renders whose caption the small CLIP ranks first among 32."""
        values = dict(count=self.counts.captions, clip=identify("bundled")[1])
        return self.study.sweep("retrieval", [Job("experiments.small_world:retrieved", values)])

    @property
    def settings(self):
        """What the manifest says of the rows: counts, the scene classifier's accuracy, the attack's momentum."""
        return dict(counts=vars(self.counts), classifier=self.accuracy, momentum=quality.MOMENTUM)


def generated(profile, values, pictures):
    """Rows and pictures "image" from prompts. values: wanted (scenes and numbers), steps, seed."""
    wanted = values["wanted"]
    prompts = [f"a photo of a person {TABLE[scene].phrases[0]}".strip() for scene, _ in wanted]
    chance = [rng.generator(values["seed"], "generate", scene, k) for scene, k in wanted]
    images = edit.generate(prompts, profile.model, steps=values["steps"], guidance=7.5, generator=chance, eta=ETA)
    rows = [dict(scene=scene, index=k, prompt=prompt) for (scene, k), prompt in zip(wanted, prompts, strict=True)]
    return Result(rows, {"image": images})


def inpainted(profile, values, pictures):
    """Rows and pictures "image" of people whose surroundings are repainted. values: names, scenes, first, steps, seed."""
    model, images, people = profile.model, pictures["images"], pictures["mask"]
    prompts = [f"a photo of a person {TABLE[scene].phrases[0]}" for scene in values["scenes"]]
    settings = paper.EditSettings(7.5, values["steps"], 0.0, None, model.size, "this study", "")
    chance = [rng.generator(values["seed"], "inpaint", values["first"] + i) for i in range(len(prompts))]
    made = edit.inpaint(images, 1 - people, prompts, model, settings=settings, generator=chance)
    with torch.no_grad():
        back = model.decode(model.encode(images).mean).clamp(0, 1).cpu()
    rows = []
    for i, name in enumerate(values["names"]):
        kept, limit = (_kept(x[i], images[i], people[i]) for x in (made, back))
        rows.append(dict(subject=name, scene=values["scenes"][i], kept_psnr=kept, roundtrip_psnr=limit, kept=kept > limit - 3))
    return Result(rows, {"image": made, "original": images})


def recognised(profile, values, pictures):
    """A row a picture "image": the scene that the classifier sees; a last row has its accuracy. values: learned (of how many renders)."""
    model, accuracy = scene_classifier(values["learned"])
    found = model.predict(_thumbnails(pictures["image"]))
    return Result([*(dict(recognised=str(scene)) for scene in found), dict(accuracy=float(accuracy))])


def _right(scene, recognised):
    return dict(recognised=recognised, right=recognised == scene)


def condition(profile, values, pictures):
    """Rows subject, condition, ratio: see `quality.susceptibility`. values: first (number of the first picture), eps, steps, seed."""
    seed = rng.child(values["seed"], "condition", values["first"])

    def encode(x):
        return profile.model.encode(x).mean.cpu()

    found = quality.susceptibility(encode, pictures["images"], eps=values["eps"], steps=values["steps"], seed=seed)
    rows = [
        dict(subject=f"render {values['first'] + i + 1}", condition=name, ratio=ratio)
        for name, ratios in found.items()
        for i, ratio in enumerate(ratios.tolist())
    ]
    return Result(rows)


def rebuilt(profile, values, pictures):
    """Rows codec, psnr, ssim of "images" through the autoencoder and through average pooling."""
    images, model, rows = pictures["images"], profile.model, []
    with torch.no_grad():
        back = torch.cat([model.decode(model.encode(part).mean) for part in images.split(32)]).clamp(0, 1).cpu()
    for kind, out in (("autoencoder", back), ("8x average pooling", quality.pooled(images))):
        rows.append(dict(codec=kind, **{name: value.mean().item() for name, value in compare(out, images, ("psnr", "ssim")).items()}))
    return Result(rows)


def retrieved(profile, values, pictures):
    """One row: see `quality.retrieval`. values: count, clip (its fingerprint)."""
    from transformers import CLIPModel

    clip = CLIPModel.from_pretrained(profiles.BUNDLE / "clip").eval()
    return Result([quality.retrieval(clip, profile.model.tokenizer, count=values["count"])])


def _kept(image, origin, person):
    error = ((image - origin).square() * person).sum() / (3 * person.sum())
    return (-10 * error.log10()).item()
