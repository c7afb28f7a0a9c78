"""What the small world looks like and how good its models are (notebook 00), all on renders that no training saw."""

import functools
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F

from .. import rng
from ..diffusion import profiles
from ..engine.study import Result
from ..measure import compare
from ..misuse import edit
from ..papers import photoguard as paper
from ..world import SCENES, STYLES, Spec, render, sample_specs
from ..world.draw.scene import TABLE
from ..world.train import quality
from . import subjects

ETA = 1.0  # fresh noise in every step, as DDPM samples: outlines come out cleaner (by eye), whole faces no more often (counted)
INPAINT_STEPS = {"smoke": 4, "standard": 20, "paper": 50}


@dataclass(frozen=True)
class Scale:
    """How much is measured: pictures reconstructed, generated in so many steps, inpainted, attacked in so many steps."""

    rebuilt: int
    generated: int
    steps: int
    inpainted: int
    learned: int  # renders the scene classifier learns from
    attacked: int
    attack_steps: int


SCALES = {
    "smoke": Scale(32, 8, 6, 4, 340, 2, 10),
    "standard": Scale(256, 68, 30, 51, 2040, 32, 200),
    "paper": Scale(1024, 510, 30, 255, 8160, 128, 1000),
}


# --- pictures of the world -------------------------------------------------------------------------------------------------


def scenes_grid(seed=0):
    """Every scene once, with somebody in it: for report.picture_grid."""
    made = render([Spec(identity=100_000 + i, scene=scene, seed=rng.child(seed, scene) % 2**62) for i, scene in enumerate(SCENES)])
    pictures, per_row = list(made.images.numpy()), 6
    return dict(**_rows_of(pictures, SCENES, per_row), title="The scenes")


def identities_grid(seed=0, people=5, views=6):
    """Five people, one a row, in other poses, light, clothes and expressions."""
    specs = [
        Spec(identity=100_500 + i, scene="studio", seed=rng.child(seed, "view", i, k) % 2**62) for i in range(people) for k in range(views)
    ]
    made = render(specs).images.numpy()
    return dict(
        images=[list(made[i * views : (i + 1) * views]) for i in range(people)],
        row_labels=[f"identity {i + 1}" for i in range(people)],
        title="One identity a row",
    )


def styles_grid(seed=0):
    """One picture as a photo and in every style of the training set."""
    styles = ("photo", *STYLES)
    made = render([Spec(identity=100_007, scene="beach", style=style, seed=rng.child(seed, "style") % 2**62) for style in styles])
    return dict(images=[list(made.images.numpy())], column_labels=list(styles), title="The painterly styles of the training set")


def captions(seed=0, count=8):
    """Captions of sampled pictures, and the pictures: for report.picture_grid."""
    made = render(rng.child(seed, "captions") % 2**62, count)
    return dict(images=[list(made.images.numpy())], column_labels=made.captions, title="What the captions say")


# --- the models ------------------------------------------------------------------------------------------------------------


def reconstructions(study, count=4):
    """Renders and photographs, their average-pooled version and the autoencoder's: a grid."""
    images = torch.cat([render(quality.SEED, count).images, quality.photographs(study.profile.size)[1]])
    with torch.no_grad():
        back = study.model.decode(study.model.encode(images).mean).clamp(0, 1).cpu()
    rows = {"picture": images, "8x average pooling": quality.pooled(images), "autoencoder": back}
    return dict(images=[list(row.numpy()) for row in rows.values()], row_labels=list(rows), title="Held-out renders and real photographs")


@functools.lru_cache(1)
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
    """The measurements of one study."""

    def __init__(self, study):
        self.study, self.scale = study, SCALES[study.scale]

    @property
    def settings(self):
        """What the reports say of the measurements: counts, how often the scene classifier is right, the attack's momentum."""
        return dict(counts=asdict(self.scale), classifier=scene_classifier(self.scale.learned)[1], momentum=quality.MOMENTUM)

    def generate(self):
        """Pictures from "a photo of a person {scene}", guidance 7.5; scene recognised by the classifier; one job a batch of scenes."""
        each = max(1, self.scale.generated // len(SCENES))
        listed = [dict(scenes=list(SCENES[i : i + 4]), each=each) for i in range(0, min(len(SCENES), self.scale.generated), 4)]
        return self.study.sweep("small_world/generate", listed, self._generate)

    def _generate(self, job):
        wanted = [(scene, k) for scene in job["scenes"] for k in range(job["each"])]
        prompts = [f"a photo of a person {TABLE[scene].phrases[0]}".strip() for scene, _ in wanted]
        generators = [rng.generator(self.study.seed, "generate", scene, k) for scene, k in wanted]
        images = edit.generate(prompts, self.study.model, steps=self.scale.steps, guidance=7.5, generator=generators, eta=ETA)
        found = scene_classifier(self.scale.learned)[0].predict(_thumbnails(images))
        rows = [
            dict(scene=scene, index=k, prompt=prompt, recognised=str(seen), right=bool(seen == scene))
            for (scene, k), prompt, seen in zip(wanted, prompts, found, strict=True)
        ]
        return Result(rows, {"image": images})

    def inpaint(self):
        """Held-out people, everything else repainted after a prompt: is the person kept, is the scene the one asked for?"""
        return self.study.sweep("small_world/inpaint", [dict(count=self.scale.inpainted)], self._inpaint)

    def _inpaint(self, job):
        count, model = job["count"], self.study.model
        known = subjects.people(self.study, count)
        scenes = [scene for scene in SCENES if scene != "studio"]
        wanted = [scenes[i % len(scenes)] for i in range(count)]
        prompts = [f"a photo of a person {TABLE[scene].phrases[0]}" for scene in wanted]
        settings = paper.EditSettings(7.5, INPAINT_STEPS[self.study.scale], 0.0, None, model.size, "this study", "")
        generators = [rng.generator(self.study.seed, "inpaint", i) for i in range(count)]
        images = edit.inpaint(known.images, 1 - known.people, prompts, model, settings=settings, generator=generators)
        with torch.no_grad():
            back = model.decode(model.encode(known.images).mean).clamp(0, 1).cpu()
        found = scene_classifier(self.scale.learned)[0].predict(_thumbnails(images))
        kept = [_kept(x, known, i) for i, x in enumerate(images)]
        limit = [_kept(x, known, i) for i, x in enumerate(back)]
        rows = [
            dict(
                image=known.names[i],
                scene=wanted[i],
                recognised=str(found[i]),
                right=bool(found[i] == wanted[i]),
                kept_psnr=kept[i],
                roundtrip_psnr=limit[i],
                kept=kept[i] > limit[i] - 3,
            )
            for i in range(count)
        ]
        return Result(rows, {"image": images, "original": known.images})

    def susceptibility(self):
        """The condition the organism is bred for, on held-out renders; one job, its rows the table's lines."""
        return self.study.sweep("small_world/susceptibility", [dict(eps=8)], self._susceptibility)

    def _susceptibility(self, job):
        images = render(quality.SEED, self.scale.attacked).images
        encode = lambda x: self.study.model.encode(x).mean.cpu()  # noqa: E731
        found = quality.susceptibility(encode, images, eps=job["eps"], steps=self.scale.attack_steps, seed=self.study.seed)
        return Result([dict(condition=name, ratio=value) for name, value in found.items()])

    def reconstruction(self):
        """PSNR and SSIM of the round trip on renders and photographs, average pooling beside it."""
        return self.study.sweep("small_world/reconstruction", [dict(renders=self.scale.rebuilt)], self._reconstruction)

    def _reconstruction(self, job):
        rows = []
        for name, images in (
            ("renders", render(quality.SEED, job["renders"]).images),
            ("photographs", quality.photographs(self.study.profile.size)[1]),
        ):
            with torch.no_grad():
                parts = [self.study.model.decode(self.study.model.encode(part).mean) for part in images.split(32)]
            back = torch.cat(parts).clamp(0, 1).cpu()
            for kind, out in (("autoencoder", back), ("8x average pooling", quality.pooled(images))):
                found = compare(out, images, ("psnr", "ssim"))
                rows.append(dict(pictures=name, codec=kind, **{m: v.mean().item() for m, v in found.items()}))
        return Result(rows)

    def retrieval(self):
        """Share of held-out renders whose caption the small CLIP ranks first among 32."""
        return self.study.sweep("small_world/retrieval", [{}], self._retrieval)

    def _retrieval(self, job):
        from transformers import CLIPModel

        clip = CLIPModel.from_pretrained(profiles.BUNDLE / "clip").eval()
        return Result([quality.retrieval(clip, self.study.model.tokenizer, count=64 if self.study.scale == "smoke" else 512)])


def _kept(image, known, i):
    error = ((image - known.images[i]).square() * known.people[i]).sum() / (3 * known.people[i].sum())
    return (-10 * error.log10()).item()


def generated_grid(generated, per_scene=1):
    """One generated picture a scene, with the scene asked for above it: for report.picture_grid."""
    at = [i for i, row in enumerate(generated.rows) if row["index"] < per_scene]
    pictures = torch.cat([generated.images(i, "image") for i in range(len(generated.jobs))]).numpy()
    cells, labels = [pictures[i] for i in at], [generated.rows[i]["scene"] for i in at]
    return dict(**_rows_of(cells, labels, 6), title="Made from “a photo of a person …”")


def _rows_of(pictures, names, per_row):
    """Pictures in rows of `per_row`, each row labelled with the names of its pictures."""
    starts = range(0, len(pictures), per_row)
    rows = [list(pictures[i : i + per_row]) for i in starts]
    return dict(
        images=[row + [None] * (per_row - len(row)) for row in rows], row_labels=[", ".join(names[i : i + per_row]) for i in starts]
    )


def inpainted_grid(inpainted, count=8):
    """Originals and their inpainted versions, with the scene asked for."""
    before, after = (inpainted.images(0, name)[:count].numpy() for name in ("original", "image"))
    labels = [row["scene"] for row in inpainted.rows[:count]]
    return dict(images=[list(before), list(after)], row_labels=["original", "all but the person repainted"], column_labels=labels)
